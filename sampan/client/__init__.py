"""One API client with two transports: in the server's process, and HTTPS."""
