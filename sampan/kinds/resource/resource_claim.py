"""ResourceClaim: devices that pods want, and, in its status, those that they got.

Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation, registry/resource/resourceclaim.
"""

from collections.abc import Callable
from datetime import datetime

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME
from sampan.kinds.prepare import STATUS_METADATA, fresh_status, in_metadata, keeping_metadata
from sampan.kinds.resource import v1beta1
from sampan.kinds.resource.allocation import drop_deallocated, validate_status
from sampan.kinds.resource.names import DOMAIN
from sampan.kinds.resource.requests import DEFAULT_FUNCTIONS, DEFAULTS, RULES, drop_ungated, validate_claim_spec
from sampan.kinds.resource.versions import converted_versions
from sampan.machinery.kind import Column, Conversion, Kind
from sampan.machinery.meta import Object, is_deleting
from sampan.machinery.rules import Immutable, together
from sampan.machinery.tree import get_path

_no_status, _keep_metadata = fresh_status(), keeping_metadata(*STATUS_METADATA)


def _prepare_create(claim: Object) -> None:
    _no_status(claim)
    drop_ungated(claim["spec"])


def _prepare_status_update(new: Object, old: Object) -> None:
    _keep_metadata(new, old)
    for result in get_path(new, ("status", "allocation", "devices", "results")) or ():
        result.pop("skipNodeOperations", None)  # off by default
    drop_deallocated(new, old)


def _validate(claim: Object) -> Errors:
    return validate_claim_spec(claim["spec"], SPEC)


def _state(claim: Object, now: datetime) -> str:
    gone, status = is_deleting(claim), claim.get("status") or {}
    allocated = status.get("allocation") is not None
    states = {
        "deleted": gone,
        "pending": not allocated and not gone,
        "allocated": allocated,
        "reserved": allocated and bool(status.get("reservedFor")),
    }
    return ",".join(state for state, is_so in states.items() if is_so)


def _of_claim(spec: Callable[[Object], Object]) -> Callable[[Object], Object]:
    return lambda claim: {**claim, "spec": spec(claim["spec"])} if claim.get("spec") else claim


KIND = Kind(
    name="ResourceClaim",
    plural="resourceclaims",
    versions=converted_versions(
        "ResourceClaim", Conversion(_of_claim(v1beta1.claim_spec_to_v1), _of_claim(v1beta1.claim_spec_from_v1))
    ),
    columns=(
        NAME,
        Column("State", _state, description="A summary of the current state (allocated, pending, reserved, etc.)."),
        AGE,
    ),
    prepare_create=_prepare_create,
    prepare_update=lambda new, old: drop_ungated(new["spec"]),
    prepare_status_update=_prepare_status_update,
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    rules=together(RULES, {DOMAIN + "ResourceClaim": {"spec": Immutable()}}),
    validate_create=_validate,
    validate_status_update=validate_status,
    slow_validation=True,
    has_generation=False,
    returns_deleted=True,
    defaults={**DEFAULTS, **v1beta1.DEFAULTS},
    default_functions={**DEFAULT_FUNCTIONS, **v1beta1.DEFAULT_FUNCTIONS},
)
