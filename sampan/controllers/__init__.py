"""The controllers: one file each, found by registry.py and run by app.py."""
