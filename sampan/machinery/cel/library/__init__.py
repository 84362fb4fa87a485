"""The functions of the language and of Kubernetes' extensions, one file for each library."""
