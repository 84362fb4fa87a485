"""NodeRestriction: a kubelet changes its own node and the pods bound to it, and asks for their tokens; no others.

The Node authorizer has the first word, by name; this is the second, by content. plugin.py has the table.
"""
