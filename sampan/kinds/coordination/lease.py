"""Lease: a lock with an expiry, for leader election and node heartbeats."""

from sampan.kinds.columns import AGE, NAME, text
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.rules import FieldRules, Minimum

_DEFINITION = "io.k8s.api.coordination.v1.Lease"
_RULES: FieldRules = {
    _DEFINITION + "Spec": {
        "leaseDurationSeconds": Minimum(1, "must be greater than 0"),
        "leaseTransitions": Minimum(0),
    },
}


def _drop_ungated(lease: Object) -> None:
    """Fields of coordinated leader election (KEP-4355), which is off by default."""
    for field in ("strategy", "preferredHolder"):
        lease["spec"].pop(field, None)


KIND = Kind(
    name="Lease",
    plural="leases",
    versions=versions("coordination.k8s.io", _DEFINITION, v1beta1=("1.19", "1.22")),
    columns=(NAME, Column("Holder", text("spec", "holderIdentity"), description="Who holds the lease."), AGE),
    rules=_RULES,
    prepare_create=_drop_ungated,
    prepare_update=lambda new, old: _drop_ungated(new),
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    allow_unconditional_update=False,
)
