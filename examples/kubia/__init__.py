"""The first application of the notes: an HTTP server that says which pod it is."""
