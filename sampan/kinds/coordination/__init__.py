"""Kinds of the coordination group: one file each."""
