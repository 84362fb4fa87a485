"""metadata.managedFields: who owns which fields of an object, and what a write changes in that.

As apply.py needs it; tracking.py records ordinary writes. Rules: KEP-555; an entry is known by manager, operation,
subresource and, for updates, apiVersion.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from sampan.machinery.fieldsets import FieldSet, from_fields, to_fields
from sampan.machinery.meta import Object

APPLY, UPDATE = "Apply", "Update"
# Fields of every object that nobody owns.
SYSTEM_META = (
    "clusterName",
    "creationTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
)
_SYSTEM: FieldSet = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",), *(("f:metadata", f"f:{name}") for name in SYSTEM_META)]
)


class ManagerId(NamedTuple):
    """What an entry is known by."""

    name: str
    operation: str
    api_version: str  # "" for appliers: they are the same in all versions
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Owned:
    """The fields of one manager."""

    paths: FieldSet
    api_version: str
    time: str


Managers = dict[ManagerId, Owned]


def identify(name: str, operation: str, api_version: str, subresource: str = "") -> ManagerId:
    """The id of a manager for a request."""
    return ManagerId(name, operation, api_version if operation == UPDATE else "", subresource)


def read(obj: Object) -> Managers:
    """The managers of an object."""
    found: Managers = {}
    for entry in obj.get("metadata", {}).get("managedFields") or ():
        api_version = entry.get("apiVersion") or ""
        id_ = identify(
            entry.get("manager") or "", entry.get("operation") or "", api_version, entry.get("subresource") or ""
        )
        found[id_] = Owned(from_fields(entry.get("fieldsV1")), api_version, entry.get("time") or "")
    return found


def write(obj: Object, managers: Managers) -> None:
    """Set metadata.managedFields, in place: appliers first, then by time. None are left out."""
    entries = [_entry(id_, owned) for id_, owned in managers.items() if owned.paths]
    entries.sort(
        key=lambda e: (e["operation"], e.get("time", ""), e["manager"], e["apiVersion"], e.get("subresource", ""))
    )
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def _entry(id_: ManagerId, owned: Owned) -> Object:
    entry: Object = {
        "manager": id_.name,
        "operation": id_.operation,
        "apiVersion": owned.api_version,
        "time": owned.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_fields(owned.paths),
    }
    if id_.subresource:
        entry["subresource"] = id_.subresource
    return entry


def without_system(paths: FieldSet, ignored: Iterable[str] = ()) -> FieldSet:
    """A set without what nobody owns, and without some top-level fields (status, for writes of the main part)."""
    tops = {f"f:{name}" for name in ignored}
    return frozenset(path for path in paths if path not in _SYSTEM and path[0] not in tops)


def lose(managers: Managers, gone: FieldSet, but: ManagerId) -> Managers:
    """The managers, each but one without some fields."""
    return {
        id_: owned if id_ == but or not (owned.paths & gone) else replace(owned, paths=owned.paths - gone)
        for id_, owned in managers.items()
    }
