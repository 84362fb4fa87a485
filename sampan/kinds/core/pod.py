"""Pod: containers that run together on one node."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Pod",
    plural="pods",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Pod"),),
    short_names=("po",),
    categories=("all",),
)
