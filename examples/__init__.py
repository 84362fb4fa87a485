"""Examples that are run: the demo and the end-to-end tests use them as they stand."""
