"""ReplicationController: a number of equal pods, selected by an equality selector."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="ReplicationController",
    plural="replicationcontrollers",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.ReplicationController"),),
    short_names=("rc",),
    categories=("all",),
    default_orphan=True,
)
