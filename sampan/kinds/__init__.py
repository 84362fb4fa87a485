"""One file per kind: names, versions and conversions, defaults, validation, update rules, printed columns.

A module that names a `Kind` `KIND` is a kind; registry.py finds it, and nothing else has to be told. What several kinds
share lies beside them, one idea per file: columns, checks, prepare (statuses, generations), addresses, workloads (kinds
with a pod template); in core/ the pod spec (podspec_defaults, podspec_validation and the files it names).
"""
