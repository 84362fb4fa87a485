"""PodSecurity: what the pods of a namespace may ask of their node, by the labels of the namespace.

checks.py has the table of all checks and versions, policy.py reads labels, plugin.py is what the admission chain calls.
Rules and messages: docs, "Pod Security Standards" and "Pod Security Admission"; k8s.io/pod-security-admission.
"""
