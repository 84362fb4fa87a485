"""Secret: small confidential data."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Secret",
    plural="secrets",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Secret"),),
    has_status=False,
    has_generation=False,
)
