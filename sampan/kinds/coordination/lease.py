"""Lease: a lock with an expiry, for leader election and node heartbeats."""

from sampan.kinds.columns import AGE, NAME, text
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.rules import FieldRules, Minimum

_DEFINITION = "io.k8s.api.coordination.v1.Lease"
_RULES: FieldRules = {
    _DEFINITION + "Spec": {
        "leaseDurationSeconds": Minimum(1, "must be greater than 0"),
        "leaseTransitions": Minimum(0),
    },
}


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
    rules=_RULES,
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    allow_unconditional_update=False,
)
