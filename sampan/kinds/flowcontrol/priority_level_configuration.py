"""PriorityLevelConfiguration: how many requests of a level are served at once, and what becomes of the others.

Before v1, a share of zero stood for the default; an annotation says where zero is meant. Before v1beta3 the field was
called assuredConcurrencyShares. Upstream: k8s.io/kubernetes/pkg/apis/flowcontrol (validation, v1beta2, v1beta3).
"""

from collections.abc import Callable
from datetime import datetime
from math import ceil, log2
from typing import Any

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, NONE, text
from sampan.kinds.flowcontrol.common import GROUP, OLD, V1, validate_status
from sampan.kinds.prepare import STATUS_METADATA, fresh_status, in_metadata, keeping_metadata
from sampan.machinery.kind import Column, Conversion, Kind, ServedVersion
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.rules import Enum, Required
from sampan.machinery.schema import Schema
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, forbidden, invalid, one_of, required

_NAME = "PriorityLevelConfiguration"
_ZERO = "flowcontrol.k8s.io/preserve-zero-concurrency-shares"
_NEW, _OLD = "nominalConcurrencyShares", "assuredConcurrencyShares"
_DEFAULT_SHARES, _MAX_QUEUES, _HASH_BITS = 30, 10_000_000, 60
_QUEUING = {"handSize": 8, "queues": 64, "queueLengthLimit": 50}
_RENAMED = ("v1beta2", "v1beta1", "v1alpha1")


def _package(version: str) -> str:
    return f"io.k8s.api.flowcontrol.{version}."


def _define(known: Schema) -> None:
    for version in _RENAMED:
        package, limited = _package(version), "LimitedPriorityLevelConfiguration"
        known.derive(package + limited, V1 + limited, {_OLD: "int32"}, drop=[_NEW])
        known.derive(f"{package}{_NAME}Spec", f"{V1}{_NAME}Spec", {"limited": package + limited})
        known.derive(package + _NAME, V1 + _NAME, {"spec": f"{package}{_NAME}Spec"})


def _default_queuing(queuing: Object) -> None:
    """Zero stands for the default."""
    for field, value in _QUEUING.items():
        queuing[field] = queuing.get(field) or value


def _default_shares(field: str) -> Callable[[Object], None]:
    def default(level: Object) -> None:
        limited = get_path(level, ("spec", "limited"))
        if limited is not None and not limited.get(field):
            limited[field] = 0 if _ZERO in annotations_of(level) else _DEFAULT_SHARES

    return default


def _conversion(field: str) -> Conversion:
    def to_v1(level: Object) -> Object:
        return _with_shares(_annotated(level, False), field, _NEW)

    def from_v1(level: Object) -> Object:
        shares = get_path(level, ("spec", "limited", _NEW))
        return _with_shares(_annotated(level, shares == 0), _NEW, field)

    return Conversion(to_v1, from_v1)


def _annotated(level: Object, zero: bool) -> Object:
    kept = {key: value for key, value in annotations_of(level).items() if key != _ZERO} | ({_ZERO: ""} if zero else {})
    metadata = {field: value for field, value in level["metadata"].items() if field != "annotations"}
    return {**level, "metadata": {**metadata, **({"annotations": kept} if kept else {})}}


def _with_shares(level: Object, old: str, new: str) -> Object:
    limited = get_path(level, ("spec", "limited"))
    if limited is None or old not in limited:
        return level
    renamed = {new if name == old else name: value for name, value in limited.items()}
    return {**level, "spec": {**level["spec"], "limited": renamed}}


def _validate(level: Object) -> Errors:
    if _ZERO in annotations_of(level):
        yield forbidden("metadata.annotations", f"annotation '{_ZERO}' is forbidden")
    spec, type_ = level["spec"], level["spec"].get("type") or ""
    if (level["metadata"].get("name") == "exempt") != (type_ == "Exempt"):
        yield invalid(SPEC.child("type"), type_, "must be 'Exempt' if and only if `name` is 'exempt'")
    exempt, limited = spec.get("exempt"), spec.get("limited")
    if type_ == "Exempt" and limited is not None:
        yield forbidden(SPEC.child("limited"), "must be nil if the type is not Limited")
    if type_ == "Exempt" and exempt is not None:
        yield from _shares(exempt, SPEC.child("exempt"))
    if type_ == "Limited" and exempt is not None:
        yield forbidden(SPEC.child("exempt"), "must be nil if the type is Limited")
    if type_ == "Limited" and limited is None:
        yield required(SPEC.child("limited"), "must not be empty when type is Limited")
    elif type_ == "Limited":
        yield from _limited(limited, SPEC.child("limited"))


def _shares(config: Object, path: Path) -> Errors:
    if (shares := config.get(_NEW) or 0) < 0:
        yield invalid(path.child(_NEW), shares, "must be a non-negative integer")
    if not 0 <= (percent := config.get("lendablePercent") or 0) <= 100:
        yield invalid(path.child("lendablePercent"), percent, "must be between 0 and 100, inclusive")


def _limited(limited: Object, path: Path) -> Errors:
    yield from _shares(limited, path)
    response, at = limited.get("limitResponse") or {}, path.child("limitResponse")
    type_, queuing = response.get("type") or "", response.get("queuing")
    yield from one_of(at.child("type"), type_, ("Queue", "Reject"))
    if type_ == "Reject" and queuing is not None:
        yield forbidden(at.child("queuing"), "must be nil if limited.limitResponse.type is not Limited")
    if type_ == "Queue" and queuing is None:
        yield required(at.child("queuing"), "must not be empty if limited.limitResponse.type is Limited")
    elif type_ == "Queue" and queuing is not None:
        yield from _queuing(queuing, at.child("queuing"))
    if (percent := limited.get("borrowingLimitPercent") or 0) < 0:
        yield invalid(path.child("borrowingLimitPercent"), percent, "if specified, must be a non-negative integer")


def _queuing(queuing: Object, path: Path) -> Errors:
    length, queues, hand = (queuing.get(field) or 0 for field in ("queueLengthLimit", "queues", "handSize"))
    if length <= 0:
        yield invalid(path.child("queueLengthLimit"), length, "must be positive")
    if queues <= 0:
        yield invalid(path.child("queues"), queues, "must be positive")
    elif queues > _MAX_QUEUES:
        yield invalid(path.child("queues"), queues, f"must not be greater than {_MAX_QUEUES}")
    if hand <= 0:
        yield invalid(path.child("handSize"), hand, "must be positive")
    elif hand > queues:
        yield invalid(path.child("handSize"), hand, f"should not be greater than queues ({queues})")
    elif ceil(log2(queues) * hand) > _HASH_BITS:
        detail = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {_HASH_BITS}"
        )
        yield invalid(path.child("handSize"), hand, detail)


def _cell(*path: str) -> Callable[[Object, datetime], str]:
    def cell(level: Object, now: datetime) -> str:
        found: Any = get_path(level, ("spec", "limited", *path))
        return NONE if found is None else str(found)

    return cell


def _old_version(version: str) -> ServedVersion:
    field = _OLD if version in _RENAMED else _NEW
    deprecated, removed = OLD[version]
    return ServedVersion(
        GROUP,
        version,
        (_package(version) if version in _RENAMED else V1) + _NAME,
        convert=_conversion(field),
        default=_default_shares(field),
        deprecated=deprecated,
        removed=removed,
        replacement=f"{GROUP}/v1 {_NAME}",
    )


def _default_v1(level: Object) -> None:
    limited = get_path(level, ("spec", "limited"))
    if limited is not None and limited.get(_NEW) is None:
        limited[_NEW] = _DEFAULT_SHARES


_QUEUE = ("limitResponse", "queuing")
KIND = Kind(
    name=_NAME,
    plural="prioritylevelconfigurations",
    versions=(ServedVersion(GROUP, "v1", V1 + _NAME, default=_default_v1), *map(_old_version, OLD)),
    namespaced=False,
    columns=(
        NAME,
        Column("Type", text("spec", "type"), description="Whether requests are limited."),
        Column("NominalConcurrencyShares", _cell(_NEW), description="Its share of what is served at once."),
        Column("Queues", _cell(*_QUEUE, "queues"), description="How many queues there are."),
        Column("HandSize", _cell(*_QUEUE, "handSize"), description="Of how many queues a flow takes the shortest."),
        Column("QueueLengthLimit", _cell(*_QUEUE, "queueLengthLimit"), description="How long a queue may be."),
        AGE,
    ),
    prepare_create=fresh_status(),
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    validate=_validate,
    rules={f"{V1}{_NAME}Spec": {"type": (Required(), Enum(("Exempt", "Limited")))}},
    validate_status_update=validate_status,
    definitions=_define,
    defaults={
        V1 + "ExemptPriorityLevelConfiguration": {_NEW: 0, "lendablePercent": 0},
        **{package + _NAME: {"spec": {}} for package in map(_package, _RENAMED)},
        **{
            package + "LimitedPriorityLevelConfiguration": {"lendablePercent": 0}
            for package in (V1, *map(_package, _RENAMED))
        },
    },
    default_functions={V1 + "QueuingConfiguration": _default_queuing},
)
