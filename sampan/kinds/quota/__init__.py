"""Measuring objects for quotas: what each counts for, and under which names of a quota. Pure.

evaluator.py says what measuring a kind is, registry.py finds the evaluator of a kind. Admission charges by it, and the
resource quota controller counts by it. Rules: docs, "Resource Quotas"; k8s.io/apiserver/pkg/quota/v1 and
k8s.io/kubernetes/pkg/quota/v1/evaluator.
"""
