"""Kinds of the storage group: one file each."""
