"""The grammar of the API: pure functions over JSON trees, no I/O.

Everything above imports this package; it imports nothing of Sampan.
"""
