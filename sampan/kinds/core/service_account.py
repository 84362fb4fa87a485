"""ServiceAccount: the identity of processes in pods."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="ServiceAccount",
    plural="serviceaccounts",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.ServiceAccount"),),
    short_names=("sa",),
    has_status=False,
    has_generation=False,
)
