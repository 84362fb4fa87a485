"""Request bodies: from bytes (JSON, YAML or protobuf) to trees, from trees to objects in the storage version.

Sizes are bounded by the transport, depth by the parsers. What a field must look like is the codec's business.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from sampan.apiserver.call import Call, Payload
from sampan.machinery import codec, jsonio, protobuf, yamlio
from sampan.machinery.errors import BadRequest, UnsupportedMediaType
from sampan.machinery.meta import Object

_JSON, _YAML = "application/json", "application/yaml"
_TYPES = (_JSON, _YAML, protobuf.MEDIA_TYPE)
_SHOWN = 30  # bytes of a body that nobody could read
_NO_MESSAGE = (
    "object *unstructured.Unstructured does not implement the protobuf marshalling interface and cannot be encoded to "
    "a protobuf message"
)


def media_type(payload: Payload) -> str:
    """The content type without parameters, in lower case."""
    return payload.content_type.partition(";")[0].strip().lower()


def read_body(call: Call, kind: str, api_version: str = "") -> Object:
    """A body that is to be of a kind which no codec knows, private to the caller. Raises BadRequest,
    UnsupportedMediaType."""
    return recognized(_parse(call, kind, api_version)[0], kind)


def read_options(call: Call) -> Any:
    """The tree of a body that is DeleteOptions, of any group; None where there is none. Raises as above."""
    if call.payload.is_empty or call.payload.tree is not None:
        return call.payload.tree
    if media_type(call.payload) == _YAML:
        return yamlio.parse_yaml(call.payload.raw)
    return _read(call, "DeleteOptions", "v1")


def read_json(call: Call) -> Any:
    """The tree of a body that is JSON whatever its content type is called (a patch). Raises BadRequest."""
    payload = call.payload
    return jsonio.parse_json(payload.raw) if payload.tree is None else _copy(payload.tree)


def read_object(call: Call, validation: str) -> Object:
    """The body as an object of the call's kind: checked, defaulted, in the storage version, private.

    Unknown and duplicate fields are errors, warnings or nothing, by `validation` (Strict, Warn, Ignore; KEP-2885).
    """
    kind = call.served.kind.name
    tree, duplicates = _parse(call, kind, strict=validation != "Ignore")
    if not isinstance(tree, dict) and call.payload.tree is None:
        raise _unreadable(codec.no_object(tree), kind, call.payload.raw)
    return to_storage(call, tree, validation, duplicates)


def _parse(call: Call, kind: str, api_version: str = "", *, strict: bool = False) -> tuple[Any, list[str]]:
    """The tree and, if `strict`, the paths of fields that the text has twice."""
    payload = call.payload
    if payload.tree is not None:
        return _copy(payload.tree), []
    language = media_type(payload) or _JSON
    try:
        if language == _YAML:
            return yamlio.parse_yaml_strict(payload.raw)
        tree = _read(call, kind, api_version or call.served.version.api_version)
    except BadRequest as error:
        raise _undecodable(error, kind, payload) from None
    return tree, jsonio.duplicate_fields(payload.raw, tree) if strict and language == _JSON else []


def _copy(tree: Any) -> Any:
    return orjson.loads(orjson.dumps(tree))  # several times faster than copying


def _read(call: Call, kind: str, api_version: str) -> Any:
    """The tree of a body in JSON or protobuf, of the given type unless it says another one."""
    language = media_type(call.payload) or _JSON
    if language == _JSON:
        return jsonio.parse_json(call.payload.raw)
    if language != protobuf.MEDIA_TYPE:
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {', '.join(_TYPES)}"
        )
    if call.served.version.structure is not None and kind == call.served.kind.name:
        raise protobuf.UndecodableBody(_NO_MESSAGE, api_version, kind)
    return protobuf.parse_protobuf(call.payload.raw, api_version, kind)


def _undecodable(error: BadRequest, kind: str, payload: Payload) -> BadRequest:
    """The error for a body that is no object of a kind (k8s.io/apiserver: transformDecodeError)."""
    cause = error.message
    if isinstance(error, protobuf.UndecodableBody) and error.kind:
        version = error.api_version.rpartition("/")[2]
        return BadRequest(f'{error.kind} in version "{version}" cannot be handled as a {kind}: {cause}')
    if (media_type(payload) or _JSON) == _JSON:
        cause = f"couldn't get version/kind; json parse error: {cause}"
    return _unreadable(cause, kind, payload.raw)


def _unreadable(cause: str, kind: str, body: bytes) -> BadRequest:
    return BadRequest(f"the object provided is unrecognized (must be of type {kind}): {cause} ({_summary(body)})")


def _summary(body: bytes) -> str:
    if not body:
        return "<empty>"
    shown, more = body[:_SHOWN], " ..." if len(body) > _SHOWN else ""
    return (shown.decode(errors="replace") if body.startswith(b"{") else shown.hex()) + more


def recognized(tree: Any, kind: str) -> Object:
    """The tree of a small object that no codec knows, which must be of the kind if it says any; raises BadRequest."""
    if not isinstance(tree, dict) or tree.get("kind", kind) != kind:
        raise unrecognized(kind)
    return tree


def unrecognized(kind: str) -> BadRequest:
    """The error for a body that is no such object."""
    return BadRequest(f"the object provided is unrecognized (must be of type {kind})")


def to_storage(call: Call, tree: Any, validation: str, duplicates: Iterable[str] = ()) -> Object:
    """A tree in the client's version as an object in the storage version. Raises BadRequest."""
    obj, warnings = call.catalogue.codec(call.served).decode(tree, validation, duplicates)
    call.warnings.extend(warnings)
    return obj
