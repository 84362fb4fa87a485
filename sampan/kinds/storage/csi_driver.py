"""CSIDriver: what a storage driver of the cluster can do, and what it wants to be told.

Rules and texts: k8s.io/kubernetes/pkg/apis/storage/validation, pkg/registry/storage/csidriver.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from sampan.kinds.checks import SPEC, Errors, unchanged
from sampan.kinds.columns import AGE, NAME, NONE, joined
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Immutable, Minimum, Required
from sampan.machinery.tree import get_path
from sampan.machinery.validation import duplicate, invalid, not_supported, required

_SPEC = "io.k8s.api.storage.v1.CSIDriverSpec"
_MODES = ("Persistent", "Ephemeral")
_SHORTEST, _LONGEST = 600, 1 << 32  # seconds
_ATTACH = SPEC.child("attachedRequired")  # as upstream calls it in errors
_TOKENS = SPEC.child("tokenRequests")
_DEFAULTS = {
    "attachRequired": True,
    "podInfoOnMount": False,
    "storageCapacity": False,
    "fsGroupPolicy": "ReadWriteOnceWithFSType",
    "requiresRepublish": False,
    "seLinuxMount": False,
    "preventPodSchedulingIfMissing": False,
}
_RULES: FieldRules = {
    _SPEC: {
        "podInfoOnMount": Required(),
        "storageCapacity": Required(),
        "seLinuxMount": Required(),
        "preventPodSchedulingIfMissing": Required(),
        "fsGroupPolicy": Enum(("File", "None", "ReadWriteOnceWithFSType")),
        "volumeLifecycleModes": Immutable(),
        "nodeAllocatableUpdatePeriodSeconds": Minimum(10, "must be greater than or equal to 10 seconds"),
    },
}
_TOLD = (
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, "
    "set to true to prevent possible logging of tokens in volume attributes"
)


def _default_modes(spec: Object) -> None:
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def _validate(driver: Object) -> Errors:
    spec = driver["spec"]
    if spec.get("attachRequired") is None:
        yield required(_ATTACH)
    yield from _token_requests(spec.get("tokenRequests") or [])
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in _MODES:
            yield not_supported(SPEC.child("volumeLifecycleModes"), mode, _MODES)
    field = "serviceAccountTokenInSecrets"
    if spec.get(field) is not None and not spec.get("tokenRequests"):
        detail = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        yield invalid(SPEC.child(field), spec[field], detail)


def _token_requests(requests: list[Object]) -> Errors:
    seen: set[str] = set()
    for index, request in enumerate(requests):
        audience, seconds = request.get("audience") or "", request.get("expirationSeconds")
        path = _TOKENS.index(index)
        if audience in seen:
            yield duplicate(path.child("audience"), audience)
            continue
        seen.add(audience)
        if seconds is not None and seconds < _SHORTEST:
            yield invalid(path.child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes")
        if seconds is not None and seconds > _LONGEST:
            detail = "may not specify a duration larger than 2^32 seconds"
            yield invalid(path.child("expirationSeconds"), seconds, detail)


def _validate_update(new: Object, old: Object) -> Errors:
    yield from unchanged(_ATTACH, new["spec"].get("attachRequired"), old["spec"].get("attachRequired"))


def _warnings(driver: Object) -> Iterator[str]:
    if driver["spec"].get("tokenRequests") and driver["spec"].get("serviceAccountTokenInSecrets") is None:
        yield _TOLD


def _flag(field: str, default: bool = False) -> Callable[[Object, datetime], bool]:
    return lambda driver, now: bool(get_path(driver, ("spec", field), default))


def _audiences(driver: Object, now: datetime) -> str:
    requests = get_path(driver, ("spec", "tokenRequests"))
    return "<unset>" if requests is None else joined(request.get("audience") or "" for request in requests)


def _modes(driver: Object, now: datetime) -> str:
    return joined(get_path(driver, ("spec", "volumeLifecycleModes"), [])) or NONE


KIND = Kind(
    name="CSIDriver",
    plural="csidrivers",
    versions=versions("storage.k8s.io", "io.k8s.api.storage.v1.CSIDriver", v1beta1=("1.19", "1.22")),
    namespaced=False,
    columns=(
        NAME,
        Column(
            "AttachRequired",
            _flag("attachRequired", True),
            type="boolean",
            description="Whether volumes are attached before they are mounted.",
        ),
        Column("PodInfoOnMount", _flag("podInfoOnMount"), type="boolean", description="Whether it learns of pods."),
        Column("StorageCapacity", _flag("storageCapacity"), type="boolean", description="Whether it counts."),
        Column("TokenRequests", _audiences, description="For whom it wants tokens."),
        Column("RequiresRepublish", _flag("requiresRepublish"), type="boolean", description="Whether it is repeated."),
        Column("Modes", _modes, description="What its volumes can be."),
        AGE,
    ),
    validate=_validate,
    validate_update=_validate_update,
    rules=_RULES,
    create_warnings=_warnings,
    has_status=False,
    allow_unconditional_update=False,
    defaults={_SPEC: _DEFAULTS},
    default_functions={_SPEC: _default_modes},
)
