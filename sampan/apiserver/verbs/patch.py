"""PATCH: a change in one of the patch languages, applied to the object in the client's version.

Without a resourceVersion in the patch a conflict is retried on the newer object; the result is checked like any update.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.apiserver import writes
from sampan.apiserver.bodies import media_type, read_body, to_storage
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.keys import key_of
from sampan.apiserver.options import write_options
from sampan.apiserver.render.versions import in_version
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.apply import APPLY_PATCH, apply_patch
from sampan.machinery import patches
from sampan.machinery.codec import DecodeError
from sampan.machinery.errors import (
    FIELD_FORBIDDEN,
    FIELD_INVALID,
    BadRequest,
    FieldError,
    Invalid,
    UnsupportedMediaType,
)
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)

# (object in the client's version, private) -> the patched object
Apply = Callable[[Object], Any]


async def patch(services: Services, call: Call) -> One | Tree:
    """The patched object. Raises UnsupportedMediaType, BadRequest, Invalid, NotFound, Conflict."""
    return await patch_part(services, call, "main")


async def patch_status(services: Services, call: Call) -> One | Tree:
    """PATCH on /status."""
    return await patch_part(services, call, "status")


async def patch_part(services: Services, call: Call, part: writes.Part) -> One | Tree:
    """Patch the main part or the status."""
    options = write_options(call.query, "PatchOptions")
    kind, info = call.served.kind, call.info
    if media_type(call.payload) == APPLY_PATCH:
        return await apply_patch(services, call, options, part)
    if options.force:
        error = FieldError(FIELD_FORBIDDEN, "force", "may not be specified for non-apply patch")
        raise Invalid.of("PatchOptions", "meta.k8s.io", "", [error])
    apply = applier(call)

    def change(old: Object) -> Object:
        before = in_version(call, old)
        try:
            new = to_storage(call, apply(deep_copy(before)), options.validation)
        except DecodeError as error:
            # Decoding has changed what was patched; the answer shows it as it was.
            raise _undecodable(call, error, apply(deep_copy(before))) from None
        _check_identity(call, new, old)
        return new

    subresource = "status" if part == "status" else ""
    how = writes.Update(change, options, part, conditional=_has_version(call), subresource=subresource)
    return await writes.update(services, call, key_of(kind, info.namespace, info.name), how)


def applier(call: Call) -> Apply:
    """The patch of the call as a function; raises UnsupportedMediaType, BadRequest."""
    kind = media_type(call.payload)
    if kind not in _ACCEPTED:
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join((*_ACCEPTED, APPLY_PATCH))
        )
    body = _patch_body(call)
    if kind == JSON_PATCH:
        return lambda obj: patches.json_patch(obj, body)
    if kind == MERGE_PATCH:
        return lambda obj: patches.merge_patch(obj, body)
    definition = call.catalogue.definition(call.served.version)
    return lambda obj: patches.strategic_merge_patch(obj, body, definition)


def _undecodable(call: Call, error: DecodeError, patched: Any) -> Invalid:
    if media_type(call.payload) == STRATEGIC_PATCH:
        return patches.undecodable_strategic(error, _patch_body(call))
    return patches.undecodable(error, patched)


def _patch_body(call: Call) -> Any:
    call.payload.content_type, kept = "application/json", call.payload.content_type
    try:
        return read_body(call)
    finally:
        call.payload.content_type = kept


def _has_version(call: Call) -> bool:
    """Whether a merge patch names a resourceVersion, so that a conflict is the client's."""
    body = _patch_body(call)
    if not isinstance(body, Mapping):
        return any(isinstance(step, Mapping) and step.get("path") == "/metadata/resourceVersion" for step in body or ())
    meta = body.get("metadata")
    return isinstance(meta, Mapping) and bool(meta.get("resourceVersion"))


def _check_identity(call: Call, new: Object, old: Object) -> None:
    """A patch may not rename or move."""
    meta, before = new["metadata"], old["metadata"]
    if (meta.get("namespace") or "") != (before.get("namespace") or ""):
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    if meta.get("name") != before["name"]:
        kind = call.served.kind
        error = FieldError(FIELD_INVALID, "metadata.name", "field is immutable", meta.get("name") or "")
        raise Invalid.of(kind.name, kind.group, before["name"], [error])
