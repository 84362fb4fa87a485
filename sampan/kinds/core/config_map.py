"""ConfigMap: configuration as keys and values."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="ConfigMap",
    plural="configmaps",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.ConfigMap"),),
    short_names=("cm",),
    has_status=False,
    has_generation=False,
)
