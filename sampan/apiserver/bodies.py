"""Request bodies: from bytes (JSON, YAML or protobuf) to trees, from trees to objects in the storage version.

Sizes are bounded by the transport, depth by the parsers. What a field must look like is the codec's business.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from sampan.apiserver.call import Call, Payload
from sampan.machinery import jsonio, protobuf, yamlio
from sampan.machinery.errors import BadRequest, UnsupportedMediaType
from sampan.machinery.meta import Object

_JSON = frozenset({"application/json", "", "text/json", "*/*"})
_YAML = frozenset({"application/yaml", "application/yml", "application/x-yaml", "text/yaml"})
_ACCEPTED = "application/json, application/yaml, application/vnd.kubernetes.protobuf"


def media_type(payload: Payload) -> str:
    """The content type without parameters, in lower case."""
    return payload.content_type.partition(";")[0].strip().lower()


def read_body(call: Call) -> Any:
    """The tree of the body, private to the caller. Raises BadRequest, UnsupportedMediaType."""
    return _parse(call)[0]


def read_json(call: Call) -> Any:
    """The tree of a body that is JSON whatever its content type is called (a patch). Raises BadRequest."""
    return _parse(call._replace(payload=call.payload._replace(content_type="application/json")))[0]


def read_object(call: Call, validation: str) -> Object:
    """The body as an object of the call's kind: checked, defaulted, in the storage version, private.

    Unknown and duplicate fields are errors, warnings or nothing, by `validation` (Strict, Warn, Ignore; KEP-2885).
    """
    tree, duplicates = _parse(call, strict=validation != "Ignore")
    return to_storage(call, tree, validation, duplicates)


def _parse(call: Call, *, strict: bool = False) -> tuple[Any, list[str]]:
    """The tree and, if `strict`, the paths of fields that the text has twice."""
    payload = call.payload
    if payload.tree is not None:
        return orjson.loads(orjson.dumps(payload.tree)), []  # several times faster than copying
    kind = media_type(payload)
    if kind in _JSON:
        tree = jsonio.parse_json(payload.raw)
        return tree, jsonio.duplicate_fields(payload.raw, tree) if strict else []
    if kind in _YAML:
        return yamlio.parse_yaml_strict(payload.raw)
    if kind == protobuf.MEDIA_TYPE:
        return protobuf.parse_protobuf(payload.raw, call.catalogue.schema), []
    raise UnsupportedMediaType(
        f"the body of the request was in an unknown format - accepted media types include: {_ACCEPTED}"
    )


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
