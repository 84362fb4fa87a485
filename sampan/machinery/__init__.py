"""The grammar of the API: pure functions over JSON trees, no I/O.

Everything above imports this package; it imports nothing of Sampan. What kinds declare as data is compiled here to
closures, once: types (decoding.py), defaults (defaulting.py), rules for the values of fields (declarative.py).
"""
