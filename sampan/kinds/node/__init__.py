"""Kinds of the node group: one file each."""
