"""Kinds of the apiregistration group: one file each."""
