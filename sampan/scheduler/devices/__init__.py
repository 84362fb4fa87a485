"""Devices for pods: what drivers offer, what claims ask for, and who gets what (KEP-4381). All but store.py is pure."""
