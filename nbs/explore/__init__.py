"Companion notebooks of mtpkd, which `mtpkd lab` copies into a folder of the user"
