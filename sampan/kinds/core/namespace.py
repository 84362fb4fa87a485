"""Namespace: a scope for names; deletion empties it."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Namespace",
    plural="namespaces",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Namespace"),),
    namespaced=False,
    short_names=("ns",),
    name_rule="dns-label",
    has_generation=False,
)
