"""Kinds of the networking group: one file each."""
