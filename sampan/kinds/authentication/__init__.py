"""Kinds of the authentication group: one file each."""
