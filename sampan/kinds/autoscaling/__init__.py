"""Kinds of the autoscaling group: one file each, and what versions and metrics need."""
