"""ReplicaSet: a number of equal pods, selected by a label selector."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="ReplicaSet",
    plural="replicasets",
    versions=(
        ServedVersion("apps", "v1", "io.k8s.api.apps.v1.ReplicaSet"),
        ServedVersion(
            "apps",
            "v1beta2",
            "io.k8s.api.apps.v1.ReplicaSet",
            deprecated="1.9",
            removed="1.16",
            replacement="apps/v1 ReplicaSet",
        ),
        ServedVersion(
            "extensions",
            "v1beta1",
            "io.k8s.api.apps.v1.ReplicaSet",
            deprecated="1.8",
            removed="1.16",
            replacement="apps/v1 ReplicaSet",
        ),
    ),
    short_names=("rs",),
    categories=("all",),
)
