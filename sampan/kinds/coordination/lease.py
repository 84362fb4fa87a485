"""Lease: a lock with an expiry, for leader election and node heartbeats."""

from sampan.kinds.checks import SPEC, Errors, positive
from sampan.kinds.columns import AGE, NAME, text
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.validation import non_negative

_DEFINITION = "io.k8s.api.coordination.v1.Lease"


def _validate(lease: Object) -> Errors:
    spec = lease.get("spec") or {}
    yield from positive(SPEC.child("leaseDurationSeconds"), spec.get("leaseDurationSeconds"))
    yield from non_negative(SPEC.child("leaseTransitions"), spec.get("leaseTransitions"))


KIND = Kind(
    name="Lease",
    plural="leases",
    versions=(
        ServedVersion("coordination.k8s.io", "v1", _DEFINITION),
        ServedVersion(
            "coordination.k8s.io",
            "v1beta1",
            _DEFINITION,
            deprecated="1.19",
            removed="1.22",
            replacement="coordination.k8s.io/v1 Lease",
        ),
    ),
    columns=(NAME, Column("Holder", text("spec", "holderIdentity"), description="Who holds the lease."), AGE),
    validate=_validate,
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    allow_unconditional_update=False,
)
