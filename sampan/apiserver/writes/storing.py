"""The last step of every write: bytes, compare-and-swap, dry run; and changes that the server makes by itself.

Called by the pipeline, by deletions and by subresources that write no object that was sent (binding, eviction).
"""

from collections.abc import Callable

import orjson

from sampan.apiserver.beside import LARGE, beside
from sampan.apiserver.call import One, Tree
from sampan.apiserver.extensions.views import note, stored_form
from sampan.apiserver.keys import storage_key
from sampan.apiserver.services import Services
from sampan.apiserver.writes.size import TooLarge, check_size, without_managers
from sampan.machinery.errors import (
    AlreadyExists,
    APIError,
    Conflict,
    InternalError,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
)
from sampan.machinery.kind import Kind, Served
from sampan.machinery.meta import Object, is_deleting
from sampan.storage.cached import Cached, tagged
from sampan.storage.encryption.transformer import TransformFailed
from sampan.storage.protocol import KeyExists, RevisionMismatch, StoreFailing, StoreFull

NOT_STORED = (StoreFull, StoreFailing, TransformFailed)  # what keeps a write from being stored, and not_stored explains
MAX_CONFLICTS = 100  # changes are tried again on the newer object; beyond this something is livelocked


def encode(obj: Object) -> bytes:
    """The bytes to store: metadata first, without apiVersion, kind and resourceVersion."""
    tree = {"metadata": None, **obj}
    tree["metadata"] = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
    for field in ("apiVersion", "kind"):
        tree.pop(field, None)
    return orjson.dumps(tree)


def _value(served: Served, stored: Object) -> bytes:
    """The bytes to store; custom resources say in which version they lie. Raises APIError where they are too many."""
    value = encode(stored)
    check_size(served, stored, value)
    return value if served.version.structure is None else tagged(stored["apiVersion"], value)


def check_open(services: Services, served: Served) -> None:
    """Raises where nothing new may be stored: the definition of a kind may have gone while a request was under way."""
    kind, version = served
    if version.structure is None:
        return
    now = services.catalogue.by_resource.get((version.group, version.version, kind.plural))
    if now is None or now.kind.namespaced != kind.namespaced:
        raise NotFound.path()
    if now.kind.closed:
        raise MethodNotAllowed("create not allowed while custom resource definition is terminating")


async def _noted(served: Served, entry: Cached, obj: Object, status: int = 200) -> One:
    await beside(len(entry.value) > LARGE, note, served, entry, obj)
    return One(entry, status)


async def _written(
    services: Services, served: Served, obj: Object, *, large: bool, applied: bool
) -> tuple[Object, Object, bytes]:
    """What of an object is stored, in the version in which it is, and its bytes. Raises TooLarge."""
    stored = await stored_form(services, served, obj)
    try:
        return obj, stored, await beside(large, _value, served, stored)
    except TooLarge:
        if applied or not obj["metadata"].get("managedFields"):
            raise
    return await _written(services, served, without_managers(obj), large=True, applied=True)


async def insert(
    services: Services, served: Served, obj: Object, *, dry_run: bool, large: bool, applied: bool = False
) -> One | Tree:
    """Store a new object, 201. Raises AlreadyExists, MethodNotAllowed or NotFound where its kind is going, and APIError
    where it is too large."""
    kind = served.kind
    meta = obj["metadata"]
    key = storage_key(kind, meta.get("namespace") or "", meta["name"])
    if dry_run:
        if (there := services.cache.get(key)) is not None:
            raise taken(kind, there.object)
        return Tree(obj, 201, stored=True)
    obj, _, value = await _written(services, served, obj, large=large, applied=applied)
    check_open(services, served)
    try:
        return await _noted(served, await services.cache.create(key, value), obj, 201)
    except KeyExists as error:
        there = services.cache.get(key)
        raise taken(kind, there.object if there else obj) from error
    except NOT_STORED as error:
        raise not_stored(error) from error


async def replace(
    services: Services, served: Served, entry: Cached, new: Object, *, dry_run: bool, applied: bool = False
) -> One | Tree:
    """Store the next state of an object, or remove it where its deletion waits for nothing any more.

    What changes nothing writes nothing, unless what lies in storage was encrypted by a key that has been rotated.
    Raises RevisionMismatch.
    """
    if dry_run:
        return Tree(new, stored=True)
    large = len(entry.value) > LARGE
    new, stored, value = await _written(services, served, new, large=large, applied=applied)
    unchanged = value == entry.value or await beside(large, _same, stored, entry.object)
    if unchanged and not services.cache.is_stale(entry.key):
        return One(entry)
    try:
        if is_finished(served.kind, new):
            return await _noted(served, await remove(services, served.kind, entry, value), new)
        return await _noted(served, await services.cache.update(entry.key, value, entry.revision), new)
    except NOT_STORED as error:
        raise not_stored(error) from error


def _same(new: Object, old: Object) -> bool:
    """Whether two objects differ in the order of their fields at most. True and 1 are equal in Python, not here."""
    return new == old and orjson.dumps(new, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        old, option=orjson.OPT_SORT_KEYS
    )


async def remove(services: Services, kind: Kind, entry: Cached, value: bytes | None = None) -> Cached:
    """Take an object out of storage; `value` is its last state. Raises RevisionMismatch, ServiceUnavailable."""
    try:
        gone = await services.cache.delete(entry.key, entry.revision, value)
    except NOT_STORED as error:
        raise not_stored(error) from error
    if kind.allocator:
        await services.allocators[kind.allocator].release(services, entry.object)
    return gone


async def guaranteed_update(
    services: Services, kind: Kind, key: str, change: Callable[[Object], Object], *, dry_run: bool
) -> One | Tree:
    """A change of the server's own, which no admission and no strategy concerns. Raises NotFound, Conflict."""
    for _ in range(MAX_CONFLICTS):
        entry = services.cache.get(key)
        if entry is None:
            raise missing(services, kind, key)
        try:
            served = Served(kind, kind.storage)
            return await replace(services, served, entry, change(entry.object), dry_run=dry_run)
        except RevisionMismatch:
            continue
    raise conflict(kind, key)


def is_finished(kind: Kind, obj: Object) -> bool:
    """Whether a deletion has nothing left to wait for: no finalizers, no grace, nothing of the kind's own."""
    meta = obj["metadata"]
    if not is_deleting(obj) or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    return kind.is_finished is None or kind.is_finished(obj)


def taken(kind: Kind, there: Object) -> AlreadyExists:
    """The error for a name that is taken; by what is going, perhaps."""
    error = AlreadyExists.of(kind.plural, kind.group, there["metadata"]["name"])
    if not is_deleting(there):
        return error
    return AlreadyExists(f"object is being deleted: {error.message}", details=error.details)


def conflict(kind: Kind, key: str) -> Conflict:
    """The error for a stale resourceVersion."""
    return Conflict.of(kind.plural, kind.group, key.rpartition("/")[2])


def not_stored(error: StoreFull | StoreFailing | TransformFailed) -> APIError:
    """The error for a disk that is full or fails, and for a value that can't be encrypted."""
    if isinstance(error, StoreFull):
        way_out = "free space on its disk, or delete objects, for which some is kept"
        return ServiceUnavailable(f"storage cannot take writes: {error}; {way_out}")
    if isinstance(error, StoreFailing):
        return ServiceUnavailable(f"storage cannot take writes: {error}; the server's `dmesg` tells what its disk has")
    return InternalError(f"Internal error occurred: {error}")


def missing(services: Services, kind: Kind, key: str) -> APIError:
    """The error for an object that is not there, or is and can't be read."""
    if flaw := services.cache.unreadable.get(key):
        return InternalError(f"Internal error occurred: {flaw.why}")
    return NotFound.of(kind.plural, kind.group, key.rpartition("/")[2])
