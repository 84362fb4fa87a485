"""What is served, told to clients: derived from the routing table, encoded once, never written by hand."""
