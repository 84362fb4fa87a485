"""PriorityClass: a named priority for pods."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="PriorityClass",
    plural="priorityclasses",
    versions=(
        ServedVersion("scheduling.k8s.io", "v1", "io.k8s.api.scheduling.v1.PriorityClass"),
        ServedVersion(
            "scheduling.k8s.io",
            "v1beta1",
            "io.k8s.api.scheduling.v1.PriorityClass",
            deprecated="1.14",
            removed="1.22",
            replacement="scheduling.k8s.io/v1 PriorityClass",
        ),
    ),
    namespaced=False,
    short_names=("pc",),
    has_status=False,
)
