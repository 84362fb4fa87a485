"""PATCH: a change in one of the patch languages, applied to the object in the client's version.

Each attempt patches the newest object; a resourceVersion in the patch must then be that object's. The result is checked
like any update.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import media_type, read_json, to_storage
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.options import WriteOptions, write_options
from sampan.apiserver.render.versions import in_version
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.apply import APPLY_PATCH, apply_patch
from sampan.apiserver.writes import pipeline
from sampan.apiserver.writes.write import MAIN, STATUS, Part, Write
from sampan.machinery import patches
from sampan.machinery.codec import DecodeError
from sampan.machinery.errors import (
    FIELD_FORBIDDEN,
    FIELD_INVALID,
    BadRequest,
    FieldError,
    Invalid,
    NotFound,
    UnsupportedMediaType,
)
from sampan.machinery.meta import Object
from sampan.machinery.tracking import private_copy
from sampan.machinery.tree import deep_copy

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)
_OF_CUSTOM_RESOURCES = (JSON_PATCH, MERGE_PATCH)


@dataclass(frozen=True, slots=True)
class Patch:
    """The body of a call, read once."""

    language: str
    body: Any
    apply: Callable[[Object, Any], Any]  # (object in the client's version, private; body) -> the patched one

    def __call__(self, obj: Object) -> Any:
        """The patched object; `obj` stays as it is."""
        copy = deep_copy if self.language == JSON_PATCH else private_copy  # the others replace records as a whole
        return self.apply(copy(obj), self.body)

    def undecodable(self, error: DecodeError, obj: Object) -> Invalid:
        """The error for a patch that leaves something which is no object of its kind."""
        if self.language == STRATEGIC_PATCH:
            return patches.undecodable_strategic(error, self.body)
        return patches.undecodable(error, self(obj))  # decoding has changed what was patched before


async def patch(services: Services, call: Call) -> One | Tree:
    """The patched object. Raises UnsupportedMediaType, BadRequest, Invalid, NotFound, Conflict."""
    return await patch_part(services, call, MAIN)


async def patch_status(services: Services, call: Call) -> One | Tree:
    """PATCH on /status."""
    return await patch_part(services, call, STATUS)


async def patch_part(services: Services, call: Call, part: Part) -> One | Tree:
    """PATCH of the object by which one of its parts changes."""
    options = write_options(call.query, "PatchOptions")
    if media_type(call.payload) == APPLY_PATCH:
        return await apply_patch(services, call, options, part)
    refuse_force(options)
    patching = await beside(is_large(call), read_patch, call)

    def change(old: Object | None) -> Object:
        if old is None:
            raise NotFound.of(call.served.kind.plural, call.served.kind.group, call.info.name)
        return _patched(call, patching, old, options)

    write = Write(call=call, change=change, options=options, part=part, name=call.info.name)
    return await pipeline.update(services, write)


def refuse_force(options: WriteOptions) -> None:
    """Raises Invalid for an option that only apply patches have."""
    if options.force:
        error = FieldError(FIELD_FORBIDDEN, "force", "may not be specified for non-apply patch")
        raise Invalid.of("PatchOptions", "meta.k8s.io", "", [error])


def _patched(call: Call, patching: Patch, old: Object, options: WriteOptions) -> Object:
    before = in_version(call, old)
    try:
        new = to_storage(call, patching(before), options.validation)
    except DecodeError as error:
        raise patching.undecodable(error, before) from None
    _check_identity(call, new, old)
    return new


def read_patch(call: Call) -> Patch:
    """The patch of the call; raises UnsupportedMediaType, BadRequest."""
    language = media_type(call.payload)
    is_custom = call.served.version.structure is not None
    if not is_custom and language not in _ACCEPTED:
        raise UnsupportedMediaType("415: Unsupported Media Type", details={})  # upstream's router, not its handler
    if is_custom and language not in _OF_CUSTOM_RESOURCES:
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join((*_OF_CUSTOM_RESOURCES, APPLY_PATCH))
        )
    body = read_json(call)
    if language == JSON_PATCH:
        return Patch(language, body, patches.json_patch)
    if language == MERGE_PATCH:
        return Patch(language, body, patches.merge_patch)
    definition = call.catalogue.definition(call.served.version)
    return Patch(language, body, lambda obj, tree: patches.strategic_merge_patch(obj, tree, definition))


def _check_identity(call: Call, new: Object, old: Object) -> None:
    """A patch may not rename or move."""
    meta, before = new["metadata"], old["metadata"]
    if (meta.get("namespace") or "") != (before.get("namespace") or ""):
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    if meta.get("name") != before["name"]:
        kind = call.served.kind
        error = FieldError(FIELD_INVALID, "metadata.name", "field is immutable", meta.get("name") or "")
        raise Invalid.of(kind.name, kind.group, before["name"], [error])
