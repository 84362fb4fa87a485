"""metadata.managedFields: who owns which fields of an object, and what a write changes in that.

Called by apply.py, and by the API server for every other write (`track_update`). Rules: KEP-555; an entry is known by
manager, operation, subresource and, for updates, apiVersion.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from sampan.machinery.fieldsets import NO_FIELDS, FieldSet, compare, from_fields, to_fields
from sampan.machinery.meta import Object
from sampan.machinery.schema import Definition

APPLY, UPDATE = "Apply", "Update"
MAX_UPDATERS = 10  # older entries of updaters are joined into one
_ANCIENT = "ancient-changes"
# Fields of every object that nobody owns.
_SYSTEM_META = (
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
    [("f:apiVersion",), ("f:kind",), ("f:metadata",), *(("f:metadata", f"f:{name}") for name in _SYSTEM_META)]
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


def track_update(
    old: Object | None,
    new: Object,
    *,
    definition: Definition,
    manager: str,
    now: str,
    subresource: str = "",
    ignored: Iterable[str] = (),
) -> None:
    """Record a create or update in new's managedFields, in place. Both objects are in the client's version.

    The manager comes to own what it changes, others lose it. A client that sends an empty list of managedFields clears
    the records first; one that sends none keeps them. `now` is RFC 3339; `ignored` are top-level fields that the write
    cannot change.
    """
    managers = _known(old, new)
    field, api_version = definition.as_field, new["apiVersion"]
    changed, gone = (without_system(paths, ignored) for paths in compare(field, old or {}, new))
    id_ = identify(manager, UPDATE, api_version, subresource)
    managers = lose(managers, changed | gone, id_)
    mine = managers.get(id_, Owned(NO_FIELDS, api_version, now))
    paths = (mine.paths - gone) | changed
    if paths != mine.paths or changed:
        managers[id_] = Owned(paths, api_version, now)
    write(new, _joined(managers))


def _known(old: Object | None, new: Object) -> Managers:
    given = new.get("metadata", {}).get("managedFields")
    if given is not None and (given == [] or given == [{}]):
        return {}
    source = new if given else old
    return read(source) if source is not None else {}


def _joined(managers: Managers) -> Managers:
    """At most MAX_UPDATERS updaters: the oldest become one."""
    updaters = sorted((item for item in managers.items() if item[0].operation == UPDATE), key=lambda item: item[1].time)
    surplus = updaters[: max(0, len(updaters) - MAX_UPDATERS)]
    oldest = {id_ for id_, _ in surplus}
    result = {id_: owned for id_, owned in managers.items() if id_ not in oldest}
    groups: dict[ManagerId, list[Owned]] = {}
    for id_, owned in surplus:
        groups.setdefault(identify(_ANCIENT, UPDATE, owned.api_version, id_.subresource), []).append(owned)
    for id_, group in groups.items():
        if id_ in result:
            group.insert(0, result[id_])
        result[id_] = replace(group[-1], paths=NO_FIELDS.union(*(owned.paths for owned in group)))
    return result
