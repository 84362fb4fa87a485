"""Recording an ordinary write (no apply) in metadata.managedFields: what the writer changes it owns, others lose it.

Every create and update is recorded, so this works on the entries as they are, without making sets of paths of them.
Called by the API server. Rules: k8s.io/apimachinery/pkg/util/managedfields/internal (structuredmerge,
managedfieldsupdater, capmanagers, buildmanagerinfo).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sampan.machinery.fieldtrees import EMPTY, Node, Tree, created, in_order, is_valid, minus, union, union_all
from sampan.machinery.managers import APPLY, SYSTEM_META, UPDATE
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy

Entry = Mapping[str, Any]

MAX_UPDATERS = 10  # older entries of updaters are joined into one
UNKNOWN = "unknown"  # a manager without a name
_ANCIENT = "ancient-changes"
_FIELD = "managedFields"
_UNOWNED = frozenset(("apiVersion", "kind"))
_UNOWNED_META = frozenset(SYSTEM_META)


def track_update(
    root: Node,
    old: Object | None,
    new: Object,
    *,
    api_version: str,
    manager: str,
    now: str,
    subresource: str = "",
    reset: Sequence[tuple[str, ...]] = (),
) -> None:
    """Record a create (no `old`) or an update in new's managedFields, in place.

    Both objects are in the client's version, whose definition `root` was compiled of; `now` is RFC 3339; `reset` are
    paths that the write cannot set. An object that has no records, as after a client has cleared them, gets none.
    """
    entries = _known(old, new, from_request=not subresource)
    new["metadata"].pop(_FIELD, None)
    me, shown = (manager or UNKNOWN, api_version, subresource), _visible(new, reset)
    if entries:
        changed, gone = root.compare(_visible(old, reset) if old else {}, shown)
        if changed or gone or len(entries) > MAX_UPDATERS:
            entries = _recorded(entries, changed, gone, me, now)
    elif old is None and (fields := created(root, shown)):
        entries = (_entry(me, fields, now),)
    if entries:
        new["metadata"][_FIELD] = list(entries)


def private_copy(obj: Object) -> Object:
    """A copy to be changed, but for the field sets of its records: they are half of an object, and never changed."""
    entries = obj["metadata"].get(_FIELD)
    if not entries:
        copied: Object = deep_copy(obj)
        return copied
    meta = {name: value for name, value in obj["metadata"].items() if name != _FIELD}
    copied = deep_copy({**obj, "metadata": meta})
    copied["metadata"][_FIELD] = [{**entry} for entry in entries]
    return copied


def _visible(obj: Object, reset: Sequence[tuple[str, ...]]) -> Object:
    """What of an object can be owned."""
    shown = {name: value for name, value in obj.items() if name not in _UNOWNED}
    hidden = _UNOWNED_META
    for path in reset:
        if len(path) == 1:
            shown.pop(path[0], None)
        elif path[0] == "metadata":
            hidden = hidden | {path[1]}
    if meta := {name: value for name, value in shown.pop("metadata").items() if name not in hidden}:
        shown["metadata"] = meta
    return shown


def _known(old: Object | None, new: Object, *, from_request: bool) -> Sequence[Entry]:
    """The entries to begin with: the request's, if it has any that are right; an empty list of its clears them."""
    live: Sequence[Entry] = (old["metadata"].get(_FIELD) if old else None) or ()
    given = new["metadata"].get(_FIELD)
    if not from_request or given is None or given == live:
        return live
    if is_reset(given):
        return ()
    return given if given and are_valid(given) else live


def is_reset(entries: Sequence[Entry]) -> bool:
    """Whether a client clears the records: by no entry at all, or by one empty one."""
    return len(entries) == 0 or (len(entries) == 1 and not any(entries[0].values()))


def are_valid(entries: Any) -> bool:
    """Whether managedFields can be read at all."""
    return isinstance(entries, list) and all(
        isinstance(entry, dict)
        and entry.get("operation") in (APPLY, UPDATE)
        and bool(entry.get("apiVersion"))
        and entry.get("fieldsType") == "FieldsV1"
        and is_valid(entry.get("fieldsV1") or EMPTY)
        for entry in entries
    )


def _recorded(entries: Sequence[Entry], changed: Tree, gone: Tree, me: tuple[str, str, str], now: str) -> list[Entry]:
    found: list[Entry] = []
    mine: Entry | None = None
    for entry in entries:
        if entry["operation"] == UPDATE and _identity(entry) == me:
            mine = entry
            continue
        fields = entry.get("fieldsV1") or EMPTY
        left = minus(minus(fields, changed), gone)
        if left is fields:
            found.append(entry)
        elif left:
            found.append({**entry, "fieldsV1": left})
    before: Tree = (mine.get("fieldsV1") if mine else None) or EMPTY
    if fields := union(minus(before, gone), changed):
        time = now if changed or mine is None else mine.get("time")
        found.append(_entry(me, fields, time))
    return sorted(_capped(found), key=_order)


def _identity(entry: Entry) -> tuple[str, str, str]:
    return entry.get("manager") or "", entry["apiVersion"], entry.get("subresource") or ""


def _entry(identity: tuple[str, str, str], fields: Tree, time: str | None) -> Entry:
    manager, api_version, subresource = identity
    entry: dict[str, Any] = {"manager": manager, "operation": UPDATE, "apiVersion": api_version}
    if time:
        entry["time"] = time
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": in_order(fields)}
    return entry | {"subresource": subresource} if subresource else entry


def _order(entry: Entry) -> tuple[str, str, str, str, str]:
    """Appliers first, then by time."""
    return entry["operation"], entry.get("time") or "", *_identity(entry)


def _capped(entries: list[Entry]) -> list[Entry]:
    """At most MAX_UPDATERS updaters: the oldest are joined, by version."""
    updaters = sorted(
        (e for e in entries if e["operation"] == UPDATE), key=lambda e: (e.get("time") or "", _identity(e))
    )
    surplus = len(updaters) - MAX_UPDATERS
    if surplus <= 0:
        return entries
    buckets: dict[str, list[Entry]] = {}
    for entry in updaters:  # the first of a version makes no entry less, each further one does
        bucket = buckets.setdefault(entry["apiVersion"], [])
        bucket.append(entry)
        surplus -= len(bucket) > 1
        if surplus == 0:
            break
    joined = [bucket for bucket in buckets.values() if len(bucket) > 1]
    taken = {id(entry) for bucket in joined for entry in bucket}
    return [entry for entry in entries if id(entry) not in taken] + [_joined(bucket) for bucket in joined]


def _joined(bucket: list[Entry]) -> Entry:
    fields = union_all([entry.get("fieldsV1") or EMPTY for entry in bucket])
    return _entry((_ANCIENT, bucket[0]["apiVersion"], ""), fields, bucket[-1].get("time"))


def keep_times(new: Object, old: Object) -> None:
    """Give back the old records, in place, where nothing differs but their times."""
    after, before = new["metadata"].get(_FIELD), old["metadata"].get(_FIELD)
    if not after or not before or after == before or len(after) != len(before):
        return
    if any({**one, "time": ""} != {**other, "time": ""} for one, other in zip(after, before, strict=True)):
        return
    if {**new, "metadata": {**new["metadata"], _FIELD: before}} == old:
        new["metadata"][_FIELD] = before
