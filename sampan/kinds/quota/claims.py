"""PersistentVolumeClaims in quotas: how many, how much storage, and both for each storage class."""

from collections.abc import Iterable
from datetime import datetime

from sampan.kinds.core.pod_resources import Resources
from sampan.kinds.core.volume_claims import class_of
from sampan.kinds.quota.evaluator import ONE, Change, Evaluator, count_name
from sampan.kinds.quota.scopes import Term, matches
from sampan.machinery.meta import Object
from sampan.machinery.quantity import Quantity, parse
from sampan.machinery.tree import get_path

_COUNT = count_name("", "persistentvolumeclaims")
_CLAIMS, _STORAGE = "persistentvolumeclaims", "requests.storage"
_OF_CLASS = ".storageclass.storage.k8s.io/"
_UNIT = 10**9


def _tracks(name: str) -> bool:
    return name in (_COUNT, _CLAIMS, _STORAGE) or name.endswith((f"{_OF_CLASS}{_CLAIMS}", f"{_OF_CLASS}{_STORAGE}"))


def _usage(claim: Object, _: datetime) -> Resources:
    used, storage, name = {_COUNT: ONE, _CLAIMS: ONE}, _storage(claim), class_of(claim)
    if storage is not None:
        used[_STORAGE] = storage
    if name:
        used[f"{name}{_OF_CLASS}{_CLAIMS}"] = ONE
        if storage is not None:
            used[f"{name}{_OF_CLASS}{_STORAGE}"] = storage
    return used


def _storage(claim: Object) -> Quantity | None:
    """Whole bytes of what is asked for, or of what was given when that is more: the shrinking of a failed expansion."""
    asked = get_path(claim, ("spec", "resources", "requests", "storage"))
    if asked is None:
        return None
    given = get_path(claim, ("status", "allocatedResources", "storage"))
    amounts = [parse(str(amount)) for amount in (asked, given) if amount is not None]
    most = max(amounts, key=lambda amount: amount.nano)
    return Quantity(-(-most.nano // _UNIT) * _UNIT, most.format)


def _in_scope(term: Term, claim: Object) -> bool:
    return term.scope == "VolumeAttributesClass" and matches(term, set(filter(None, _attributes_classes(claim))))


def _attributes_classes(claim: Object) -> Iterable[str]:
    """The class that is wanted, the one in force, and the one on its way."""
    yield claim["spec"].get("volumeAttributesClassName") or ""
    yield get_path(claim, ("status", "currentVolumeAttributesClassName"), "")
    yield get_path(claim, ("status", "modifyVolumeStatus", "targetVolumeAttributesClassName"), "")


def _handles(change: Change) -> bool:
    if change.subresource == "status":
        return change.old is not None and _changes(change.old, change.new)
    return not change.subresource and change.operation in ("CREATE", "UPDATE")


def _changes(old: Object, new: Object) -> bool:
    return _storage(old) != _storage(new) or set(_attributes_classes(old)) != set(_attributes_classes(new))


CLAIMS = Evaluator(_tracks, _usage, _in_scope, _handles, frees=lambda old, new, now: _changes(old, new))
