"""Kinds of the rbac group: one file each."""
