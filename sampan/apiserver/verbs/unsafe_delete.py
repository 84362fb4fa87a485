"""DELETE of an object that can't be read, where its client insists: out of storage, whatever it held (KEP-3926).

Rules and texts: k8s.io/apiserver/pkg/registry/generic/registry/corrupt_obj_deleter.go and
pkg/endpoints/handlers/delete.go.
"""

from collections.abc import Sequence

from sampan.apiserver.authorization.attributes import of_request
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.keys import storage_key
from sampan.apiserver.options import DeleteOptions
from sampan.apiserver.services import Services
from sampan.machinery.errors import (
    FIELD_INVALID,
    APIError,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    qualified,
)
from sampan.machinery.kind import Kind
from sampan.storage.protocol import RevisionMismatch

VERB = "unsafe-delete-ignore-read-errors"
_OPTION = "ignoreStoreReadErrorWithClusterBreakingPotential"


async def delete_unreadable(services: Services, call: Call, options: DeleteOptions) -> Tree:
    """A Status. Raises Forbidden, NotFound, Conflict where the object can be read."""
    kind, info = call.served.kind, call.info
    call.audit["apiserver.k8s.io/unsafe-delete-ignore-read-error"] = ""
    await _authorize(services, call)
    key = storage_key(kind, info.namespace, info.name)
    flaw = services.cache.unreadable.get(key)
    if flaw is None and services.cache.get(key) is None:
        raise NotFound.of(kind.plural, kind.group, info.name)
    if flaw is None:
        raise _readable(kind, key)
    if not options.dry_run:
        try:
            await services.cache.delete(key, flaw.revision)
        except RevisionMismatch:
            raise _readable(kind, key) from None
    details = {"name": info.name, "group": kind.group, "kind": kind.plural}
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return Tree({**status, "details": {name: value for name, value in details.items() if value}})


def refuse_for_collections(options: DeleteOptions) -> None:
    """Raises Invalid: what can't be read is deleted one by one."""
    if options.ignore_read_error:
        detail = "is not allowed with DELETECOLLECTION, try again after removing the option"
        error = FieldError(FIELD_INVALID, _OPTION, detail, True)
        raise Invalid.of("DeleteOptions", "meta.k8s.io", "", [error])


def unread(kind: Kind, flaws: Sequence[str]) -> APIError:
    """The error where all objects are meant and some can't be read."""
    shown = qualified(kind.plural, kind.group)
    more = f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else ""
    message = f"failed to read one or more {shown} from the storage: {flaws[0]}{more}"
    causes = [{"reason": "UnexpectedServerResponse", "message": flaw} for flaw in flaws[:100]]
    details = {"name": "list", "group": kind.group, "kind": kind.plural, "causes": causes}
    return APIError(message, details={k: v for k, v in details.items() if v}, reason="StorageReadError")


async def _authorize(services: Services, call: Call) -> None:
    info = call.info
    decision = await services.authorizers.ask(of_request(call.user, info._replace(verb=VERB)))
    if not decision.allowed:
        shown = qualified(info.resource, info.group)
        why = f'not permitted to do "{VERB}", reason: {decision.reason}'
        details = {"name": info.name, "group": info.group, "kind": info.resource}
        raise Forbidden(f'{shown} "{info.name}" is forbidden: {why}', details={k: v for k, v in details.items() if v})


def _readable(kind: Kind, key: str) -> Conflict:
    why = (
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: "
        "unsafe deletion is not allowed because the object is decodable from storage"
    )
    return Conflict.of(kind.plural, kind.group, key.rpartition("/")[2], why)
