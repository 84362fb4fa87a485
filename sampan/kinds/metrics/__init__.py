"""The kinds of metrics.k8s.io, which are measured and never stored: one file each."""
