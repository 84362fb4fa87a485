"""DELETE of one object: at once, or begun and left to grace period and finalizers."""

from typing import Any

from sampan.apiserver import deletion, writes
from sampan.apiserver.admission.chain import Admission, admit
from sampan.apiserver.bodies import read_body
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.keys import key_of
from sampan.apiserver.options import DeleteOptions, delete_options
from sampan.apiserver.services import Services
from sampan.machinery.errors import Conflict, NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.storage.cached import Cached
from sampan.storage.protocol import RevisionMismatch, StoreFull

# Kinds whose deletion answers with the object instead of a Status (ReturnDeletedObject).
_RETURNED = frozenset(
    {"pods", "services", "serviceaccounts", "persistentvolumes", "persistentvolumeclaims", "podtemplates"}
    | {"resourcequotas", "storageclasses", "csidrivers", "csinodes", "volumeattachments"}
)


async def delete(services: Services, call: Call) -> One | Tree:
    """The object while its deletion is under way, a Status (or the last state) when it is gone. Raises NotFound."""
    options = delete_options(call.query, None if call.payload.is_empty else read_body(call))
    kind, info = call.served.kind, call.info
    entry, gone = await delete_one(services, call, key_of(kind, info.namespace, info.name), options)
    if gone and kind.plural not in _RETURNED:
        return Tree(_success(kind, entry.object))
    foreground = not gone and options.propagation in ("Foreground", "Background")
    return One(entry, 202 if foreground else 200)


async def delete_one(services: Services, call: Call, key: str, options: DeleteOptions) -> tuple[Cached, bool]:
    """Delete under the options; the entry as it is afterwards, and whether it is gone. Raises NotFound, Conflict."""
    kind = call.served.kind
    while True:
        entry = services.cache.get(key)
        if entry is None:
            raise NotFound.of(kind.plural, kind.group, key.rpartition("/")[2])
        _check_preconditions(kind, entry.object, options)
        admit(services, Admission(call, "DELETE", kind, None, entry.object, dry_run=options.dry_run))
        try:
            return await _attempt(services, call, entry, options)
        except RevisionMismatch:
            continue
        except StoreFull as error:
            raise writes.store_full(error) from error


async def _attempt(services: Services, call: Call, entry: Cached, options: DeleteOptions) -> tuple[Cached, bool]:
    new = deletion.marked(call.served, entry.object, options, call.now)
    if options.dry_run:
        return entry, writes.is_finished(new)
    if writes.is_finished(new):
        gone = await services.cache.delete(entry.key, entry.revision)
        services.allocators.release(call.served.kind, entry.object)
        return gone, True
    value = writes.encode(new)
    if value == entry.value:
        return entry, False
    return await services.cache.update(entry.key, value, entry.revision), False


def _check_preconditions(kind: Kind, obj: Object, options: DeleteOptions) -> None:
    meta = obj["metadata"]
    for asked, word, field in ((options.uid, "UID", "uid"), (options.resource_version, "ResourceVersion", None)):
        found = meta[field or "resourceVersion"]
        if asked and asked != found:
            where = "object meta" if field else "ObjectMeta"
            why = f"Precondition failed: {word} in precondition: {asked}, {word} in {where}: {found}"
            raise Conflict.of(kind.plural, kind.group, meta["name"], why)


def _success(kind: Kind, obj: Object) -> Object:
    meta = obj["metadata"]
    details: dict[str, Any] = {"name": meta["name"], "group": kind.group, "kind": kind.plural, "uid": meta["uid"]}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {name: value for name, value in details.items() if value},
    }
