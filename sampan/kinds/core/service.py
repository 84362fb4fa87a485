"""Service: a stable name and address in front of pods."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Service",
    plural="services",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Service"),),
    short_names=("svc",),
    categories=("all",),
    name_rule="dns-1035-label",
    has_generation=False,
    allow_create_on_update=True,
)
