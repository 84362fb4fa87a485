"""ObjectMeta: reading the metadata of a JSON tree.

Not here: setting defaults (defaulting.py) or checking (validation.py). Called from everywhere.
Field meanings: Kubernetes API conventions, "Metadata".
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Object = dict[str, Any]
_INTEGER = re.compile("[+-]?[0-9]{1,100}")

# The finalizers by which the garbage collector is told what becomes of dependents.
ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"


class Key(NamedTuple):
    """What names an object among those of its kind; namespace is "" for cluster-scoped kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class OwnerRef(NamedTuple):
    """The parts of an owner reference that controllers decide by."""

    api_version: str
    kind: str
    name: str
    uid: str


def key_of(obj: Mapping[str, Any]) -> Key:
    """The key of an object."""
    meta = obj["metadata"]
    return Key(meta.get("namespace") or "", meta["name"])


def labels_of(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of an object; empty when there are none."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """The annotations of an object; empty when there are none."""
    return obj["metadata"].get("annotations") or {}


def is_deleting(obj: Mapping[str, Any]) -> bool:
    """Whether deletion has begun: deletionTimestamp is set."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def controller_of(obj: Mapping[str, Any]) -> OwnerRef | None:
    """The owner reference with controller: true, if there is one."""
    for ref in obj["metadata"].get("ownerReferences") or ():
        if ref.get("controller"):
            return OwnerRef(ref["apiVersion"], ref["kind"], ref["name"], ref["uid"])
    return None


def controller_ref(owner: Mapping[str, Any]) -> Object:
    """The owner reference that a controller puts on what it makes for `owner`."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def format_time(moment: datetime) -> str:
    """RFC 3339 in whole seconds, UTC: metav1.Time."""
    if moment.tzinfo is UTC:
        return moment.isoformat(timespec="seconds")[:-6] + "Z"
    return _utc(moment).isoformat(timespec="seconds") + "Z"


def format_micro_time(moment: datetime) -> str:
    """RFC 3339 with six decimals, UTC: metav1.MicroTime."""
    return _utc(moment).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """A metav1.Time or MicroTime as an aware datetime; raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def later(moment: datetime, seconds: int) -> datetime:
    """`moment` and some seconds, which users may give as any number of 64 bits: at most the end of all time."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return (datetime.max if seconds > 0 else datetime.min).replace(tzinfo=UTC)


def integer_of(text: str, bits: int = 64) -> int | None:
    """The number that an annotation says, as Go's strconv.ParseInt reads it; None where it fails, as of any text."""
    number = int(text) if _INTEGER.fullmatch(text) else None
    return number if number is not None and -(1 << bits - 1) <= number < 1 << bits - 1 else None


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
