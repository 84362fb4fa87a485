"""Nodes: each may read what its pods name, and write what concerns itself; admission/node_restriction has the rest."""
