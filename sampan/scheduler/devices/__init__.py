"""Devices for pods: what drivers offer, what claims ask for, and who gets what (KEP-4381).

Pure, but for store.py and offered.py, which informers feed, verdicts.py, which remembers, and writing.py.
"""
