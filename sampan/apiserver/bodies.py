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
from sampan.machinery.scalars import json_name

_JSON, _YAML = "application/json", "application/yaml"
_TYPES = (_JSON, _YAML, protobuf.MEDIA_TYPE)
_OPTIONS, _META = "DeleteOptions", "meta.k8s.io/v1"
_UNTYPED = "couldn't get version/kind; json parse error: "
_SHOWN = 30  # bytes of a body that nobody could read
_NO_MESSAGE = (
    "object *unstructured.Unstructured does not implement the protobuf marshalling interface and cannot be encoded to "
    "a protobuf message"
)


def media_type(payload: Payload) -> str:
    """The content type without parameters, in lower case; with them where they are malformed, so that it is unknown."""
    plain, _, parameters = payload.content_type.partition(";")
    if any(part.strip() and "=" not in part for part in parameters.split(";")):
        return payload.content_type
    return plain.strip().lower()


def read_body(call: Call, kind: str, api_version: str = "") -> Object:
    """A body that is to be of a kind which no codec knows, private to the caller. Raises BadRequest,
    UnsupportedMediaType."""
    tree: Object = _parse(call, kind, api_version)[0]
    said = tree.get("kind") or kind
    if said != kind:
        version = tree.get("apiVersion") or api_version or call.served.version.api_version
        known = (version, said) in call.catalogue.by_kind
        group = (api_version or call.served.version.api_version).rpartition("/")[0]
        cause = codec.not_convertible(version, said, group, kind) if known else codec.no_kind(version, said)
        shown = version.rpartition("/")[2]
        raise BadRequest(f'{said} in version "{shown}" cannot be handled as a {kind}: {cause}')
    if call.record is not None:
        call.record.sent_object(tree)
    return tree


def read_options(call: Call) -> Any:
    """The tree of a body that is DeleteOptions, of any group; None where there is none. Raises as above."""
    if call.payload.is_empty:
        return None
    tree = call.payload.tree
    if tree is None:
        tree, _ = _read(call, _OPTIONS, "v1")
        if (kind := tree.get("kind") or _OPTIONS) != _OPTIONS:
            raise BadRequest(codec.no_kind(tree.get("apiVersion") or _META, kind))
        tree = {**tree, "kind": kind}
    if call.record is not None:
        call.record.sent({"kind": _OPTIONS, "apiVersion": _META, **tree})
    return tree


def read_json(call: Call) -> Any:
    """The tree of a body that is JSON whatever its content type is called (a patch). Raises BadRequest."""
    payload = call.payload
    tree = jsonio.parse_json(payload.raw) if payload.tree is None else _copy(payload.tree)
    if call.record is not None:
        call.record.sent(tree)
    return tree


def read_object(call: Call, validation: str) -> Object:
    """The body as an object of the call's kind: checked, defaulted, in the storage version, private.

    Unknown and duplicate fields are errors, warnings or nothing, by `validation` (Strict, Warn, Ignore; KEP-2885).
    """
    kind = call.served.kind.name
    tree, duplicates = _parse(call, kind, strict=validation != "Ignore")
    obj = to_storage(call, tree, validation, duplicates)
    if call.record is not None:
        call.record.sent_object(obj, call.catalogue.codec(call.served).encode)
    return obj


def _parse(call: Call, kind: str, api_version: str = "", *, strict: bool = False) -> tuple[Any, list[str]]:
    """The tree and, if `strict`, the paths of fields that the text has twice."""
    if call.payload.tree is not None:
        return _copy(call.payload.tree), []
    try:
        return _read(call, kind, api_version or call.served.version.api_version, strict)
    except BadRequest as error:
        raise _undecodable(error, kind, call.payload.raw) from None


def _copy(tree: Any) -> Any:
    return orjson.loads(orjson.dumps(tree))  # several times faster than copying


def _read(call: Call, kind: str, api_version: str, strict: bool = False) -> tuple[Object, list[str]]:
    """An object, of the given type unless it says another one; and what it has twice."""
    payload = call.payload
    language = media_type(payload) or _JSON
    if language == _JSON:
        tree = _typed(_parse_json(payload.raw))
        return tree, jsonio.duplicate_fields(payload.raw, tree) if strict else []
    if language == _YAML:
        tree, duplicates = _parse_yaml(payload.raw)
        return _typed(tree), duplicates
    if language == protobuf.MEDIA_TYPE:
        return _parse_protobuf(call, kind, api_version), []
    raise UnsupportedMediaType(
        f"the body of the request was in an unknown format - accepted media types include: {', '.join(_TYPES)}"
    )


def _parse_json(body: bytes) -> Any:
    try:
        return jsonio.parse_json(body)
    except BadRequest as error:
        raise BadRequest(f"{_UNTYPED}{error.message}") from None


def _parse_yaml(body: bytes) -> tuple[Any, list[str]]:
    try:
        return yamlio.parse_yaml_strict(body)
    except BadRequest as error:
        raise BadRequest(error.message.removeprefix("error converting YAML to JSON: ")) from None


def _parse_protobuf(call: Call, kind: str, api_version: str) -> Object:
    if call.served.version.structure is not None and kind == call.served.kind.name:
        raise protobuf.UndecodableBody(_NO_MESSAGE, api_version, kind)
    return protobuf.parse_protobuf(call.payload.raw, api_version, kind)


def _typed(tree: Any) -> Object:
    """A tree whose type can be told: an object, or nothing at all (json.SimpleMetaFactory)."""
    if not isinstance(tree, dict):
        if tree is None:
            return {}
        raise BadRequest(codec.no_object(tree))
    for name in ("apiVersion", "kind"):
        value = tree.get(name)
        if value is not None and not isinstance(value, str):
            found = json_name(value)
            raise BadRequest(f"{_UNTYPED}json: cannot unmarshal {found} into Go struct field .{name} of type string")
    return tree


def _undecodable(error: BadRequest, kind: str, body: bytes) -> BadRequest:
    """The error for a body that is no object of a kind (k8s.io/apiserver: transformDecodeError)."""
    if isinstance(error, protobuf.UndecodableBody) and error.kind:
        version = error.api_version.rpartition("/")[2]
        return BadRequest(f'{error.kind} in version "{version}" cannot be handled as a {kind}: {error.message}')
    shown = f"{error.message} ({_summary(body)})"
    return BadRequest(f"the object provided is unrecognized (must be of type {kind}): {shown}")


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
