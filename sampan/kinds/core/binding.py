"""Binding: assigns a pod to a node; written by schedulers, never stored."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Binding",
    plural="bindings",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Binding"),),
    verbs=("create",),
    has_status=False,
    has_generation=False,
)
