"""Server-side apply: merge what a manager wants into an object, knowing who owns what.

    merged = live + applied                 lists by key, maps and structs by field
           - what the manager applied before, does not apply now, and nobody else owns
    conflict: the merge changes a field that another manager owns (unless forced)

Called by the API server for PATCH with application/apply-patch+yaml. The object that comes out still has to be decoded
(for defaults) and validated. Rules and texts: KEP-555, the documentation page "Server-Side Apply",
sigs.k8s.io/structured-merge-diff, k8s.io/apimachinery/pkg/util/managedfields.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from sampan.machinery.errors import BadRequest, Conflict
from sampan.machinery.fieldsets import (
    NO_FIELDS,
    FieldSet,
    Path,
    applied_set,
    below,
    children,
    compare,
    is_merged,
    item_element,
    show,
)
from sampan.machinery.last_applied import MANAGER as KUBECTL
from sampan.machinery.last_applied import still_so
from sampan.machinery.managers import (
    APPLY,
    UPDATE,
    ManagerId,
    Managers,
    Owned,
    identify,
    lose,
    read,
    without_system,
    write,
)
from sampan.machinery.meta import Object
from sampan.machinery.patch_order import ordered
from sampan.machinery.schema import Definition, Field
from sampan.machinery.tree import deep_copy

BEFORE = "before-first-apply"


def apply(
    live: Object | None,
    applied: Object,
    *,
    definition: Definition,
    manager: str,
    now: str,
    force: bool = False,
    subresource: str = "",
    ignored: Iterable[str] = (),
    last_applied: Object | None = None,
) -> Object:
    """The object after an apply, with its managedFields, as a new tree.

    `live` is None for a create; both objects are in the client's version, `applied` is type-checked but without
    defaults (Codec.check). `now` is RFC 3339; `ignored` are top-level fields that the request cannot change (status,
    for the main part); `last_applied` is what client-side apply set, defaulted, for kubectl to take over. Raises
    Conflict with a cause per field, BadRequest.
    """
    if applied.get("metadata", {}).get("managedFields"):
        raise BadRequest("metadata.managedFields must be nil")
    field, api_version = definition.as_field, applied["apiVersion"]
    skipped = tuple(ignored)
    wanted = {name: value for name, value in applied.items() if name not in skipped}
    before: Object = live or {}
    managers, id_ = _managers(field, before), identify(manager, APPLY, api_version, subresource)
    mine = without_system(applied_set(field, wanted), skipped)
    merged: Object = _merge(field, before, wanted)
    last = managers[id_].paths if id_ in managers else NO_FIELDS
    theirs = (owned.paths for other, owned in managers.items() if other != id_)
    _prune(field, merged, last - mine, mine.union(*theirs))
    changed, gone = (without_system(paths, skipped) for paths in compare(field, before, merged))
    if not force:
        taken_over = still_so(field, last_applied, before) if manager == KUBECTL else NO_FIELDS
        _refuse_conflicts(managers, changed - taken_over, id_)
    managers = lose(managers, changed | gone, id_)
    if mine != last or changed or gone:
        managers[id_] = Owned(mine, api_version, now)
    write(merged, managers)
    return merged


def merge(definition: Definition, live: Object, applied: Object) -> Object:
    """`applied` over `live` as an apply would have it, whoever owns what; a new tree. Raises BadRequest."""
    merged: Object = _merge(definition.as_field, live, applied)
    return merged


def _managers(field: Field, live: Object) -> Managers:
    """The managers of an object; where nobody has been recorded, one that owns all there is."""
    found = read(live)
    if found or not live:
        return found
    everything, _ = compare(field, {}, live)
    api_version = live["apiVersion"]
    created = live["metadata"].get("creationTimestamp") or ""
    return {identify(BEFORE, UPDATE, api_version): Owned(without_system(everything), api_version, created)}


def _merge(field: Field, live: Any, applied: Any) -> Any:
    """A new tree of live with applied over it."""
    if not is_merged(field, applied) or type(live) is not type(applied):
        return deep_copy(applied)
    if field.type == "array":
        return _merge_list(field, live, applied)
    result = {name: deep_copy(value) for name, value in live.items() if name not in applied}
    for name, value in applied.items():
        child = below(field, "f:" + name)
        result[name] = _merge(child, live.get(name), value) if child is not None else deep_copy(value)
    return result


def _merge_list(field: Field, live: list[Any], applied: list[Any]) -> list[Any]:
    """Items by their keys; what only the live list has stays, even twice."""
    assert field.items is not None
    known = [(item_element(field, item), item) for item in live]
    first = dict(reversed(known))
    wanted = {e: _merge(field.items, first.get(e), item) for item in applied if (e := item_element(field, item))}
    if len(wanted) < len(applied):
        raise BadRequest("failed to create typed patch object: duplicate entries for key in a list")
    others = [(element, deep_copy(item)) for element, item in known if element not in wanted]
    order = ordered([*(e for e, _ in others), *wanted], list(wanted), [e for e, _ in known], "")
    left = iter(others)
    return [wanted[element] if element in wanted else next(left)[1] for element in order]


def _prune(field: Field, merged: Object, given_up: FieldSet, kept: FieldSet) -> None:
    """Take away, in place, what its last owner gave up."""
    _remove(field, merged, (), given_up, _with_parents(given_up), _with_parents(kept))


def _with_parents(paths: FieldSet) -> set[Path]:
    return {path[:end] for path in paths for end in range(1, len(path) + 1)}


def _remove(field: Field, node: Any, at: Path, gone: FieldSet, touched: set[Path], alive: set[Path]) -> None:
    """Remove paths: with each the outermost optional struct or list item around it of which nothing else is owned."""
    taken: set[str] = set()
    for element, child, value in children(field, node):
        path = (*at, element)
        if path not in touched or value is None:
            continue
        # Maps and lists may hold what has no owner; a struct or an item goes with all that defaults have put into it.
        whole = (child.type == "object" and not child.always and at) or element[0] in "kv"
        if path not in alive and (path in gone or whole):
            taken.add(element)
        elif is_merged(child, value):
            _remove(child, value, path, gone, touched, alive)
    if isinstance(node, list) and taken:
        node[:] = [item for item in node if item_element(field, item) not in taken]
    else:
        for element in taken:
            del node[element[2:]]


def _refuse_conflicts(managers: Managers, changed: FieldSet, but: ManagerId) -> None:
    """Raise Conflict if the changes touch what others own."""
    conflicts = sorted(
        ((id_, path) for id_, owned in managers.items() if id_ != but for path in owned.paths & changed),
        key=lambda conflict: (conflict[0], show(conflict[1])),
    )
    if conflicts:
        causes = [
            {"reason": "FieldManagerConflict", "message": f"conflict with {_name(id_, managers)}", "field": show(path)}
            for id_, path in conflicts
        ]
        raise Conflict(_conflict_text(conflicts, managers), details={"causes": causes})


def _conflict_text(conflicts: list[tuple[ManagerId, Path]], managers: Managers) -> str:
    if len(conflicts) == 1:
        ((id_, path),) = conflicts
        return f"Apply failed with 1 conflict: conflict with {_name(id_, managers)}: {show(path)}"
    lines: list[str] = []
    for id_, of_one in groupby(conflicts, key=lambda conflict: conflict[0]):
        lines.append(f"conflicts with {_name(id_, managers)}:")
        lines += [f"- {show(path)}" for _, path in of_one]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)


def _name(id_: ManagerId, managers: Managers) -> str:
    text = f'"{id_.name}"'
    if id_.subresource:
        text += f' with subresource "{id_.subresource}"'
    return f"{text} using {managers[id_].api_version}" if id_.operation == UPDATE else text
