"""The objects that every cluster starts with: as data, and put in place at every start."""
