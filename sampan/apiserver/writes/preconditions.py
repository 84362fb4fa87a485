"""Which state of an object a write or a deletion is meant for: by uid and by resourceVersion.

Rules and texts: k8s.io/apiserver/pkg/storage (Preconditions), pkg/registry/generic/registry (Store.Update).
"""

from sampan.apiserver.options import DeleteOptions
from sampan.machinery.errors import FIELD_INVALID, Conflict, FieldError, Invalid
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object


def check_uid(kind: Kind, new: Object, old: Object) -> None:
    """Raises Conflict where the client means another object of the same name."""
    asked, found = (new.get("metadata") or {}).get("uid"), old["metadata"]["uid"]
    if asked and asked != found:
        raise _failed(kind, old, f"UID in precondition: {asked}, UID in object meta: {found}")


def refuse_stale(kind: Kind, new: Object, old: Object) -> None:
    """Raises Conflict where the client has seen another state; before admission, which would take what others have
    changed since for the client's own change."""
    version = (new.get("metadata") or {}).get("resourceVersion") or "0"
    if version != "0" and version.isdecimal() and version != old["metadata"]["resourceVersion"]:
        raise Conflict.of(kind.plural, kind.group, old["metadata"]["name"])


def settle_version(kind: Kind, new: Object, old: Object) -> None:
    """Give the object its resourceVersion; raises Conflict where the client has seen another, Invalid."""
    meta, current = new["metadata"], old["metadata"]["resourceVersion"]
    version = meta.get("resourceVersion")
    if version and version != "0" and version != current:
        if not version.isdecimal():
            raise _invalid(kind, old, "invalid resource version", version)
        raise Conflict.of(kind.plural, kind.group, old["metadata"]["name"])
    if (not version or version == "0") and not kind.allow_unconditional_update:
        raise _invalid(kind, old, "must be specified for an update", 0)
    meta["resourceVersion"] = current


def check_deletion(kind: Kind, obj: Object, options: DeleteOptions) -> None:
    """Raises Conflict where the object is not the one that is to be deleted."""
    meta = obj["metadata"]
    if options.uid and options.uid != meta["uid"]:
        raise _failed(kind, obj, f"UID in precondition: {options.uid}, UID in object meta: {meta['uid']}")
    asked, found = options.resource_version, meta["resourceVersion"]
    if asked and asked != found:
        raise _failed(kind, obj, f"ResourceVersion in precondition: {asked}, ResourceVersion in ObjectMeta: {found}")


def _failed(kind: Kind, obj: Object, why: str) -> Conflict:
    return Conflict.of(kind.plural, kind.group, obj["metadata"]["name"], f"Precondition failed: {why}")


def _invalid(kind: Kind, old: Object, detail: str, value: object) -> Invalid:
    error = FieldError(FIELD_INVALID, "metadata.resourceVersion", detail, value)
    return Invalid.of(kind.name, kind.group, old["metadata"]["name"], [error])
