"""The OpenAPI v2 document as protobuf, the only form that kubectl reads it in (for Lists, and for explain before 1.27).

Writes what kubectl looks at: definitions with their extensions, and each path's operations with their query
parameters. Field numbers are those of gnostic's OpenAPIv2.proto. Called by the API server with the document that
openapi.py made.
"""

from collections.abc import Iterable

import orjson

from sampan.machinery.meta import Object

ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
# What the answer is called: "@" is no character of a media type (RFC 6838), and newer clients refuse it there.
MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}


def encode(document: Object) -> bytes:
    """The message openapi.v2.Document of a document given as a tree."""
    info = _text(1, document["info"]["title"]) + _text(2, document["info"]["version"])
    paths = (_named(2, path, _path_item(item)) for path, item in document["paths"].items())
    definitions = (_named(1, name, _schema(schema)) for name, schema in document["definitions"].items())
    parts = [_text(1, document["swagger"]), _bytes(2, info), _bytes(8, b"".join(paths))]
    return b"".join([*parts, _bytes(9, b"".join(definitions))])


def _path_item(item: Object) -> bytes:
    return b"".join(_bytes(number, _operation(item[name])) for name, number in _METHODS.items() if name in item)


def _operation(operation: Object) -> bytes:
    parts = [_text(5, operation["operationId"])]
    parts += [_text(7, media_type) for media_type in operation["consumes"]]
    parts += [_bytes(8, _bytes(1, _parameter(parameter))) for parameter in operation["parameters"]]
    return b"".join([*parts, *_extensions(13, operation)])


def _parameter(parameter: Object) -> bytes:
    if parameter["in"] == "body":
        required = _flag(4, bool(parameter.get("required")))
        return _bytes(
            1, _text(2, parameter["name"]) + _text(3, "body") + required + _bytes(5, _schema(parameter["schema"]))
        )
    query = _text(2, parameter["in"]) + _text(4, parameter["name"]) + _text(6, parameter["type"])
    return _bytes(2, _bytes(3, query))


def _schema(schema: Object) -> bytes:
    parts = [
        _text(1, schema.get("$ref", "")),
        _text(2, schema.get("format", "")),
        _text(4, schema.get("description", "")),
    ]
    parts += [_text(19, name) for name in schema.get("required", ())]
    if "additionalProperties" in schema:
        parts.append(_bytes(21, _bytes(1, _schema(schema["additionalProperties"]))))
    if "type" in schema:
        parts.append(_bytes(22, _text(1, schema["type"])))
    if "items" in schema:
        parts.append(_bytes(23, _bytes(1, _schema(schema["items"]))))
    if "properties" in schema:
        fields = (_named(1, name, _schema(field)) for name, field in schema["properties"].items())
        parts.append(_bytes(25, b"".join(fields)))
    return b"".join([*parts, *_extensions(31, schema)])


def _extensions(number: int, tree: Object) -> Iterable[bytes]:
    """Values of x-... fields, as YAML (JSON is YAML)."""
    return (
        _named(number, name, _bytes(2, orjson.dumps(value))) for name, value in tree.items() if name.startswith("x-")
    )


def _named(number: int, name: str, value: bytes) -> bytes:
    """An entry of an ordered map: name and value."""
    return _bytes(number, _text(1, name) + _bytes(2, value))


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode()) if value else b""


def _flag(number: int, value: bool) -> bytes:
    return _varint(number << 3) + b"\1" if value else b""


def _bytes(number: int, value: bytes) -> bytes:
    """A length-delimited field (wire type 2)."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
