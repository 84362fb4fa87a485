"""Random requests, most of them wrong: an answer to each, and none that says the server failed."""
