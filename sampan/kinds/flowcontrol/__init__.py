"""Kinds of the flowcontrol group: one file each, and what they share."""
