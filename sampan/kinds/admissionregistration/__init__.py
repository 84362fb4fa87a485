"""Kinds of the admissionregistration group: one file each, and what they share."""
