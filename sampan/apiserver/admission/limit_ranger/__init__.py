"""LimitRanger: what a namespace's LimitRanges give to containers that ask for nothing, and what they hold all to.

Rules and messages: docs, "Limit Ranges"; k8s.io/kubernetes/plugin/pkg/admission/limitranger.
"""
