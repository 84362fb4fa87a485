"""PersistentVolumeClaim: what storage somebody asks for, and what they got.

Rules and texts: k8s.io/kubernetes/pkg/apis/core/validation (ValidatePersistentVolumeClaim...) and
pkg/api/persistentvolumeclaim (data sources: KEP-1495).
"""

from typing import Any

from sampan.kinds.checks import SPEC, Errors, unchanged
from sampan.kinds.columns import AGE, NAME, text
from sampan.kinds.core.claim_validation import ATTRIBUTES, STORAGE, validate_claim_spec
from sampan.kinds.core.pod_warnings import Warnings
from sampan.kinds.core.resource_validation import is_native
from sampan.kinds.core.volume_claim_defaults import CLAIM_DEFAULTS
from sampan.kinds.core.volume_claims import (
    CLASS_ANNOTATION,
    CLASS_WARNING,
    basic_amount,
    class_of,
    phase,
    short_modes,
    spec_cell,
)
from sampan.kinds.differences import differences
from sampan.kinds.prepare import fresh_status
from sampan.machinery import quantity
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.tree import deep_copy, get_path, semantic_equal
from sampan.machinery.validation import (
    Path,
    check,
    dns_subdomain,
    forbidden,
    invalid,
    not_supported,
    qualified_name,
    required,
    validate_label_selector,
)

_DEFINITION = "io.k8s.api.core.v1.PersistentVolumeClaim"
_RESIZES = ("ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizePending", "NodeResizeInProgress")
_RESIZE_STATES = tuple(sorted((*_RESIZES, "NodeResizeInfeasible")))
_fresh = fresh_status(phase="Pending")


def _prepare_create(claim: Object) -> None:
    _fresh(claim)
    _settle_sources(claim["spec"], old=None)


def _prepare_update(new: Object, old: Object) -> None:
    _settle_sources(new["spec"], old["spec"])


def _settle_sources(spec: Object, old: Object | None) -> None:
    """dataSource is the older field for one thing, claims and snapshots only; each is filled in from the other."""
    ref = spec.get("dataSourceRef")
    if ref is not None and ref.get("namespace") and (old or {}).get("dataSourceRef") is None:
        del spec["dataSourceRef"]
        ref = None
    source = spec.get("dataSource")
    used = any((old or {}).get(field) is not None for field in ("dataSource", "dataSourceRef"))
    if ref is None and source is not None and not used and not _is_claim_or_snapshot(source):
        del spec["dataSource"]
        source = None
    if source is not None and ref is None:
        spec["dataSourceRef"] = {field: source[field] for field in ("apiGroup", "kind", "name") if field in source}
    elif ref is not None and source is None and not ref.get("namespace"):
        spec["dataSource"] = {field: ref[field] for field in ("apiGroup", "kind", "name") if field in ref}


def _is_claim_or_snapshot(source: Object) -> bool:
    kind = (source.get("apiGroup") or "", source.get("kind"))
    return kind in (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))


def _validate_create(claim: Object) -> Errors:
    return validate_claim_spec(claim["spec"], SPEC)


def _validate_update(new: Object, old: Object) -> Errors:
    """A claim is for life but for its size and attributes once it is bound; its volume is named once."""
    yield from _again(new, old)
    after, before = deep_copy(new["spec"]), deep_copy(old["spec"])
    if not before.get("volumeName"):
        before["volumeName"] = after.get("volumeName")
    yield from _class(new, old, after)
    if get_path(new, ("status", "phase")) == "Bound":
        if (after.get("resources") or {}).get("requests") is not None:
            after["resources"]["requests"]["storage"] = get_path(before, STORAGE)
        after[ATTRIBUTES] = before.get(ATTRIBUTES)
    if not semantic_equal(after, before):
        changes = "\n".join(differences(before, after))
        allowed = "except resources.requests and volumeAttributesClassName for bound claims"
        yield forbidden(SPEC, f"spec is immutable after creation {allowed}\n{changes}")
    yield from _size(new, old)
    yield from unchanged("volumeMode", new["spec"].get("volumeMode"), old["spec"].get("volumeMode"))
    yield from _attributes(new["spec"], old)


def _again(new: Object, old: Object) -> Errors:
    """The rules for a new claim, but what the old one broke it may go on breaking."""
    any_value = any(validate_label_selector(old["spec"].get("selector"), Path()))
    groups = [get_path(old["spec"], (field, "apiGroup"), "") for field in ("dataSource", "dataSourceRef")]
    any_group = any(group and dns_subdomain(group) for group in groups)
    yield from validate_claim_spec(new["spec"], SPEC, any_value=any_value, any_group=any_group)


def _class(new: Object, old: Object, after: Object) -> Errors:
    """A class may move from the annotation to the field, or come where there was none."""
    given, had = annotations_of(new).get(CLASS_ANNOTATION), annotations_of(old).get(CLASS_ANNOTATION)
    name, field = new["spec"].get("storageClassName"), "storageClassName"
    first = old["spec"].get(field) is None and name is not None
    if first and had is not None and name == had and given in (None, had):
        after[field] = None
        return
    if (given or "") != (had or ""):
        yield invalid(f"metadata.annotations.{CLASS_ANNOTATION}", given or "", "field is immutable")
    if first and had in (None, name):
        after[field] = None


def _size(new: Object, old: Object) -> Errors:
    """A claim that could not grow may shrink again, but never below what it has."""
    wanted, asked = get_path(new["spec"], STORAGE, "0"), get_path(old["spec"], STORAGE, "0")
    has = get_path(old, ("status", "capacity", "storage"), "0")
    if quantity.compare(wanted, asked) < 0 and quantity.compare(wanted, has) <= 0:
        yield forbidden(SPEC.child(*STORAGE), "field can not be less than status.capacity")


def _attributes(spec: Object, old: Object) -> Errors:
    wanted = spec.get(ATTRIBUTES)
    if wanted == old["spec"].get(ATTRIBUTES) or get_path(old, ("status", "currentVolumeAttributesClassName")) is None:
        return
    if not wanted:
        what = "nil" if wanted is None else "empty string"
        detail = f"update to {what} is forbidden when status.currentVolumeAttributesClassName is not nil"
        yield forbidden(SPEC.child(ATTRIBUTES), detail)


def _validate_status_update(new: Object, old: Object) -> Errors:
    status, path = new.get("status") or {}, Path("status")
    if not new["spec"].get("accessModes"):
        yield required("Spec.accessModes")
    for name, amount in (status.get("capacity") or {}).items():
        yield from basic_amount(amount, path.child("capacity").key(name))
    states = path.child("allocatedResourceStatuses")
    for name, state in (status.get("allocatedResourceStatuses") or {}).items():
        yield from _resource(name, states)
        if state not in _RESIZE_STATES:
            yield not_supported(states, name, _RESIZE_STATES)
    for name, amount in (status.get("allocatedResources") or {}).items():
        wrong = list(_resource(name, path.child("allocatedResources")))
        yield from wrong or basic_amount(amount, path.child("allocatedResources").key(name))


def _resource(name: str, path: Path) -> Errors:
    wrong = qualified_name(name)
    yield from check(path, name, wrong)
    if not wrong and is_native(name) and name != "storage":
        yield not_supported(path, name, ["storage"])


def _warnings(claim: Object) -> Warnings:
    if CLASS_ANNOTATION in annotations_of(claim):
        yield f"metadata.annotations[{CLASS_ANNOTATION}]: {CLASS_WARNING}"
    for field in ("requests", "limits"):
        amount = get_path(claim, ("spec", "resources", field, "storage"), "0")
        if quantity.milli(amount) % 1000:
            where = SPEC.child("resources", field).key("storage")
            yield f'{where}: fractional byte value "{amount}" is invalid, must be an integer'


def _of_bound(*path: str, default: Any) -> Any:
    """What is shown only of a claim that has its volume."""
    return lambda claim: get_path(claim, path, default) if get_path(claim, ("spec", "volumeName")) else None


_capacity = _of_bound("status", "capacity", "storage", default="0")
_modes = _of_bound("status", "accessModes", default=[])

KIND = Kind(
    name="PersistentVolumeClaim",
    plural="persistentvolumeclaims",
    versions=(ServedVersion("", "v1", _DEFINITION),),
    short_names=("pvc",),
    columns=(
        NAME,
        Column("Status", phase, description="Whether it has a volume."),
        Column("Volume", text("spec", "volumeName"), description="Its volume."),
        Column("Capacity", lambda claim, now: _capacity(claim) or "", description="The size of its volume."),
        Column("Access Modes", lambda claim, now: short_modes(_modes(claim)), description="How it can be mounted."),
        Column("StorageClass", lambda claim, now: class_of(claim), description="Its class."),
        Column(
            "VolumeAttributesClass",
            lambda claim, now: spec_cell(ATTRIBUTES, claim),
            description="The class of its attributes.",
        ),
        AGE,
        Column(
            "VolumeMode",
            lambda claim, now: spec_cell("volumeMode", claim),
            priority=1,
            description="Files or blocks.",
        ),
    ),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate_create=_validate_create,
    validate_update=_validate_update,
    validate_status_update=_validate_status_update,
    warnings=_warnings,
    selectable_fields={"name": lambda claim: str(claim["metadata"].get("name") or "")},
    has_generation=False,
    defaults={**CLAIM_DEFAULTS, _DEFINITION: {**CLAIM_DEFAULTS[_DEFINITION], "spec": {}}},
    returns_deleted=True,
)
