"""Node: a machine that runs pods."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Node",
    plural="nodes",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Node"),),
    namespaced=False,
    short_names=("no",),
    has_generation=False,
)
