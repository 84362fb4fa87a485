"""Lease: a lock with an expiry, for leader election and node heartbeats."""

from sampan.machinery.kind import Kind, ServedVersion

KIND = Kind(
    name="Lease",
    plural="leases",
    versions=(
        ServedVersion("coordination.k8s.io", "v1", "io.k8s.api.coordination.v1.Lease"),
        ServedVersion(
            "coordination.k8s.io",
            "v1beta1",
            "io.k8s.api.coordination.v1.Lease",
            deprecated="1.19",
            removed="1.22",
            replacement="coordination.k8s.io/v1 Lease",
        ),
    ),
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    allow_unconditional_update=False,
)
