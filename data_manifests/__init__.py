"Dataset manifests of mtpkd and the arrays that may be shipped with them"
