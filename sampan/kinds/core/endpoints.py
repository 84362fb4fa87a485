"""Endpoints: the addresses behind a Service, in the older form."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Endpoints",
    plural="endpoints",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Endpoints"),),
    short_names=("ep",),
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
)
