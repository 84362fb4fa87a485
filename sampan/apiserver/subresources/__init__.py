"""What hangs below an object: one file per subresource; registry.py says which kind has which."""
