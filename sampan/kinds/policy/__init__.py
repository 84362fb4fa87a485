"""Kinds of the policy group: one file each."""
