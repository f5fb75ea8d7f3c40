"Papermill notebooks of mtpkd: one `parameters` cell each, then calls into the library"
