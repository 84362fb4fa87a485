"""Sampan: Kubernetes, whole, in Python.

The rooms of the house and the rule that imports run downwards only are in ARCHITECTURE.md.
"""

__version__ = "0.1.0"

# The Kubernetes release whose API is served; /version reports it.
KUBERNETES_VERSION = "v1.37.0"
