"""Custom resources as the client's version has them: read by today's schema, and converted, once per object.

An object of a built-in kind is what lies in storage. One of a custom kind was right by the definition of its day, and
lies there in the version that was stored then; its view in the version of a request is made when it is first needed and
kept with the cached object, for as long as the definition stays as it is. Where the view is the stored object itself,
as nearly always, its bytes are sent as they are.

    waiting = prepare(services, call.served, entries)     # None: all views are there
    if waiting: await waiting
    working(call.served, entry)                           # the object to show, shared

Called by the verbs before anything looks into an object. Upstream keeps converted objects in a watch cache per version.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import NamedTuple

from sampan.apiserver.beside import LARGE
from sampan.apiserver.extensions.conversion import convert
from sampan.apiserver.services import Services
from sampan.machinery.kind import Served, StoredResource, Structure
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy
from sampan.storage.cached import Cached, Items

_AT_ONCE = 50  # views that are made in one go


class View(NamedTuple):
    """An object in a version, as of one state of its definition."""

    structure: Structure
    object: Object
    stored: bool  # whether the object is what is stored: its bytes can be sent


def working(served: Served, entry: Cached) -> Object:
    """The object as requests in this version work on it, shared. Views must have been prepared."""
    return _known(served, entry).object if served.version.structure else entry.object


def reading(served: Served, entry: Cached) -> Object:
    """The same for one use: that it has been looked at costs no memory afterwards."""
    return _known(served, entry).object if served.version.structure else entry.read()


def is_stored(served: Served, entry: Cached) -> bool:
    """Whether the stored bytes are the object in this version, but for its head."""
    return served.version.structure is None or _known(served, entry).stored


def all_stored(served: Served, entries: Sequence[Cached]) -> bool:
    """is_stored for every entry; known of a list that is read again."""
    structure = served.version.structure
    if structure is None:
        return True
    notes = entries.notes if isinstance(entries, Items) else {}
    known: tuple[Structure, bool] | None = notes.get("stored")
    if known is None or known[0] is not structure:
        known = notes["stored"] = (structure, all(_known(served, entry).stored for entry in entries))
    return known[1]


def _known(served: Served, entry: Cached) -> View:
    assert entry.views is not None
    view: View = entry.views[served.version.version]
    return view


def note(served: Served, entry: Cached, obj: Object) -> None:
    """An object of a request that has just been stored: nothing has to be looked at or converted again."""
    structure = served.version.structure
    if structure is not None:
        metadata = {**obj["metadata"], "resourceVersion": str(entry.revision)}
        _finish(served, structure, entry, {**obj, "metadata": metadata})


def _keep(served: Served, entry: Cached, view: View) -> None:
    entry.views = {**(entry.views or {}), served.version.version: view}


def prepare(services: Services, served: Served, entries: Iterable[Cached]) -> Awaitable[None] | None:
    """Make the views that are missing, at once or (None is returned otherwise) by what is to be awaited."""
    structure = served.version.structure
    if structure is None:
        return None
    notes = entries.notes if isinstance(entries, Items) else {}
    if notes.get("prepared") is structure:
        return None
    missing = [entry for entry in entries if not _has(served, structure, entry)]
    if not missing:
        notes["prepared"] = structure
    if structure.resource.webhook is None and _is_quick(missing):
        _make_all(served, structure, missing)
        return None
    return _prepare(services, served, structure, missing) if missing else None


def _is_quick(missing: Sequence[Cached]) -> bool:
    return len(missing) <= _AT_ONCE and sum(len(entry.value) for entry in missing) <= LARGE


def _has(served: Served, structure: Structure, entry: Cached) -> bool:
    view = entry.views.get(served.version.version) if entry.views else None
    return view is not None and view.structure is structure


async def _prepare(services: Services, served: Served, structure: Structure, missing: Sequence[Cached]) -> None:
    for start in range(0, len(missing), _AT_ONCE):
        part = missing[start : start + _AT_ONCE]
        if structure.resource.webhook is None:
            await asyncio.to_thread(_make_all, served, structure, part)
        else:
            await _convert(services, served, structure, part)
            await asyncio.sleep(0)


def _make_all(served: Served, structure: Structure, entries: Sequence[Cached]) -> None:
    """Where versions differ in their name alone."""
    resource = structure.resource
    for entry in entries:
        obj = resource.accept(resource.restore(deep_copy(entry.object)), served.version.version)
        _finish(served, structure, entry, obj)


def _finish(served: Served, structure: Structure, entry: Cached, obj: Object) -> None:
    stored = {**entry.object, "apiVersion": obj["apiVersion"]} == obj
    same = stored and entry.object["apiVersion"] == obj["apiVersion"]
    _keep(served, entry, View(structure, entry.object if same else obj, stored))


async def _convert(services: Services, served: Served, structure: Structure, entries: Sequence[Cached]) -> None:
    resource, version = structure.resource, served.version
    restored = [resource.restore(deep_copy(entry.object)) for entry in entries]
    others = [obj for obj in restored if obj["apiVersion"] != version.api_version]
    assert resource.webhook is not None
    converted = iter(await convert(services.webhooks, resource.webhook, others, version.api_version))
    for entry, obj in zip(entries, restored, strict=True):
        new = obj if obj["apiVersion"] == version.api_version else next(converted)
        _finish(served, structure, entry, resource.accept(new, version.version))


async def stored_form(services: Services, served: Served, obj: Object) -> Object:
    """An object of a request's version in the version in which it is stored; `obj` itself where that is the same."""
    structure = served.version.structure
    if structure is None or structure.resource.storage_version == obj["apiVersion"]:
        return obj
    resource: StoredResource = structure.resource
    if resource.webhook is None:
        return {**obj, "apiVersion": resource.storage_version}
    (converted,) = await convert(services.webhooks, resource.webhook, [obj], resource.storage_version)
    return resource.accept(converted, resource.storage_version.rpartition("/")[2])
