"""The generic half of every write: create, replace under compare-and-swap, and what follows from finalizers.

Verbs and subresources come here with a decoded object (or a function from the current object to the next); here are
admission, strategy, validation, dry run, conflict handling and storage. The counterpart of
k8s.io/apiserver/pkg/registry/generic/registry (Store).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import orjson

from sampan.apiserver import metadata, ownership
from sampan.apiserver.admission.chain import Admission, admit
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.keys import key_of
from sampan.apiserver.options import WriteOptions
from sampan.apiserver.services import Services
from sampan.machinery.errors import (
    FIELD_INVALID,
    AlreadyExists,
    Conflict,
    FieldError,
    Invalid,
    NotFound,
    ServiceUnavailable,
)
from sampan.machinery.kind import Kind, Served
from sampan.machinery.meta import Object
from sampan.machinery.metadata import validate_meta, validate_meta_update
from sampan.storage.cached import Cached
from sampan.storage.protocol import KeyExists, RevisionMismatch, StoreFull

# From the current object (shared: not to be changed) to the next one (private).
Change = Callable[[Object], Object]
Part = Literal["main", "status", "whole"]  # whole: a subresource that may touch anything (binding, finalize)

_NAME_TRIES = 8  # KEP-4420
_MAX_CONFLICTS = 100  # unconditional changes are retried; beyond this something is livelocked


@dataclass(frozen=True, slots=True)
class Update:
    """How to replace an object."""

    change: Change
    options: WriteOptions
    part: Part = "main"
    conditional: bool = False  # a conflict is the client's; not retried
    operation: str = "UPDATE"
    subresource: str = ""
    tracked: bool = False  # whether the change has settled managedFields itself (an apply)
    counted: bool = True  # whether a change of the desired state makes a new generation


def encode(obj: Object) -> bytes:
    """The bytes to store: metadata first, without apiVersion, kind and resourceVersion."""
    tree = {"metadata": {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}}
    tree.update((k, v) for k, v in obj.items() if k not in ("apiVersion", "kind", "metadata"))
    return orjson.dumps(tree)


async def create(
    services: Services, call: Call, obj: Object, options: WriteOptions, *, tracked: bool = False
) -> One | Tree:
    """Store a new object (private to the caller, defaulted, namespace settled). Raises whatever a create may.

    `tracked`: its managedFields are settled.
    """
    kind = call.served.kind
    admit(services, Admission(call, "CREATE", kind, obj, None, dry_run=options.dry_run))
    meta, base = obj["metadata"], ""
    if not meta.get("name") and meta.get("generateName"):
        base = meta["generateName"]
        meta["name"] = metadata.generate_name(base)
    metadata.prepare_create(kind, obj, call.now)
    if kind.prepare_create:
        kind.prepare_create(obj)
    with services.allocators.reserve(kind, obj, None, dry_run=options.dry_run):
        _check_create(call.served, obj)
        _warn(call, obj, kind.warnings, kind.create_warnings)
        if not tracked:
            ownership.record_create(call, obj, options.manager)
        return await _insert(services, kind, obj, base, options)


def _check_create(served: Served, obj: Object) -> None:
    kind, version = served
    errors = list(validate_meta(obj, kind))
    for check in (kind.validate, kind.validate_create, version.validate, version.validate_create):
        errors += check(obj) if check else ()
    if errors:
        raise Invalid.of(kind.name, kind.group, obj["metadata"].get("name") or "", errors)


async def _insert(services: Services, kind: Kind, obj: Object, base: str, options: WriteOptions) -> One | Tree:
    meta = obj["metadata"]
    for attempt in range(_NAME_TRIES if base else 1):
        if attempt:
            meta["name"] = metadata.generate_name(base)
        key = key_of(kind, meta.get("namespace") or "", meta["name"])
        if options.dry_run:
            if services.cache.get(key) is None:
                return Tree(obj, 201, stored=True)
            continue
        try:
            return One(await services.cache.create(key, encode(obj)), 201)
        except KeyExists:
            continue
        except StoreFull as error:
            raise store_full(error) from error
    raise _not_generated(kind, meta["name"]) if base else AlreadyExists.of(kind.plural, kind.group, meta["name"])


def _not_generated(kind: Kind, name: str) -> AlreadyExists:
    """The error where every generated name was taken: the client may try again."""
    error = AlreadyExists.of(kind.plural, kind.group, name)
    why = f"{error.message}, the server was not able to generate a unique name for the object"
    return AlreadyExists(why, details={**error.details, "retryAfterSeconds": 1})


async def update(services: Services, call: Call, key: str, how: Update) -> One | Tree:
    """Replace an existing object; an update that changes nothing writes nothing. Raises NotFound, Conflict, Invalid."""
    kind = call.served.kind
    for _ in range(_MAX_CONFLICTS):
        entry = services.cache.get(key)
        if entry is None:
            raise NotFound.of(kind.plural, kind.group, key.rpartition("/")[2])
        try:
            return await _replace(services, call, entry, how)
        except RevisionMismatch as error:
            if how.conditional:
                raise conflict(kind, key) from error
        except StoreFull as error:
            raise store_full(error) from error
    raise conflict(kind, key)


async def _replace(services: Services, call: Call, entry: Cached, how: Update) -> One | Tree:
    kind, old = call.served.kind, entry.object
    new = how.change(old)
    _check_preconditions(kind, new, entry)
    prepare(kind, new, old, how)
    admit(services, Admission(call, how.operation, kind, new, old, how.subresource, how.options.dry_run))
    if how.counted:
        metadata.bump_generation(kind, new, old)
    with services.allocators.reserve(kind, new, old, dry_run=how.options.dry_run):
        _check_update(call.served, new, old, how.part)
        if how.part == "main":
            _warn(call, new, kind.warnings)
        if not how.tracked:
            ownership.record_update(call, new, old, how.options.manager, how.subresource)
        value = encode(new)
        if how.options.dry_run:
            return Tree(new, stored=True)
        if value == entry.value:
            return One(entry)
        if is_finished(new):
            gone = One(await services.cache.delete(entry.key, entry.revision, value))
            services.allocators.release(kind, new)
            return gone
        return One(await services.cache.update(entry.key, value, entry.revision))


def _check_preconditions(kind: Kind, new: Object, entry: Cached) -> None:
    meta, old = new["metadata"], entry.object["metadata"]
    uid, version = meta.get("uid"), meta.get("resourceVersion")
    if uid and uid != old["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['uid']}"
        raise Conflict.of(kind.plural, kind.group, old["name"], why)
    if version and version != "0" and version != old["resourceVersion"]:
        if not version.isdecimal():
            error = FieldError(FIELD_INVALID, "metadata.resourceVersion", "invalid resource version", version)
            raise Invalid.of(kind.name, kind.group, old["name"], [error])
        raise conflict(kind, entry.key)
    if not version and not kind.allow_unconditional_update:
        error = FieldError(FIELD_INVALID, "metadata.resourceVersion", "must be specified for an update", 0)
        raise Invalid.of(kind.name, kind.group, old["name"], [error])
    meta["resourceVersion"] = old["resourceVersion"]


def prepare(kind: Kind, new: Object, old: Object, how: Update) -> None:
    """Keep what this part of the object may not change: the strategy's PrepareForUpdate."""
    metadata.prepare_update(kind, new, old)
    if how.part == "status":
        _keep(new, old, [field for field in {*new, *old} if field not in ("metadata", "status")])
        if kind.prepare_status_update:
            kind.prepare_status_update(new, old)
    elif how.part == "main":
        if kind.has_status:
            _keep(new, old, ["status"])
        if kind.prepare_update:
            kind.prepare_update(new, old)


def _keep(new: Object, old: Object, fields: Iterable[str]) -> None:
    for field in fields:
        if field in old:
            new[field] = old[field]
        else:
            new.pop(field, None)


def _check_update(served: Served, new: Object, old: Object, part: Part) -> None:
    kind, version = served
    errors = list(validate_meta_update(new, old))
    if part == "status":
        errors += kind.validate_status_update(new, old) if kind.validate_status_update else ()
    elif part == "main":
        errors += kind.validate_update(new, old) if kind.validate_update else ()
        errors += version.validate_update(new, old) if version.validate_update else ()
        errors += kind.validate(new) if kind.validate else ()
        errors += version.validate(new) if version.validate else ()
    if errors:
        raise Invalid.of(kind.name, kind.group, new["metadata"]["name"], errors)


def is_finished(obj: Object) -> bool:
    """Whether a deletion has nothing left to wait for: no finalizers, no grace."""
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("finalizers"):
        return False
    waits_for_namespace = obj["kind"] == "Namespace" and bool((obj.get("spec") or {}).get("finalizers"))
    return not meta.get("deletionGracePeriodSeconds") and not waits_for_namespace


def _warn(call: Call, obj: Object, *sources: Callable[[Object], Iterable[str]] | None) -> None:
    for warnings in sources:
        call.warnings.extend(warnings(obj) if warnings else ())


def conflict(kind: Kind, key: str) -> Conflict:
    """The error for a stale resourceVersion."""
    return Conflict.of(kind.plural, kind.group, key.rpartition("/")[2])


def store_full(error: StoreFull) -> ServiceUnavailable:
    """The error for a disk that is full."""
    return ServiceUnavailable(f"storage cannot take writes: {error}")
