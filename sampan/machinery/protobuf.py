"""Reading Kubernetes's protobuf encoding (application/vnd.kubernetes.protobuf) into JSON trees.

Newer clients send objects in it and take JSON back, so there is no writer. A body is the magic `k8s\\0` and a
runtime.Unknown: apiVersion, kind, and the message. Field numbers are data/protobuf.json, types come from the schema.
Called by the API server; everything it raises is a BadRequest.
Format: k8s.io/apimachinery/pkg/runtime/serializer/protobuf.
"""

import base64
import json
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from sampan.machinery.errors import BadRequest
from sampan.machinery.meta import Object, format_micro_time, format_time
from sampan.machinery.schema import Field, Schema
from sampan.machinery.tree import is_too_deep

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_DATA = Path(__file__).parent / "data" / "protobuf.json"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
# Where the types of groups lie that are not in k8s.io/api.
_PACKAGES = {
    "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    "apiregistration.k8s.io": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
}
_OF_META = frozenset({"DeleteOptions", "Status", "ListOptions", "CreateOptions", "PatchOptions", "UpdateOptions"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DEPTH = 100


class _Malformed(Exception):
    """Bytes that are no message."""


def parse_protobuf(body: bytes, schema: Schema) -> Object:
    """The object of a body, whose types the schema has; raises BadRequest."""
    if not body.startswith(_MAGIC):
        raise BadRequest("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = dict(_wire(memoryview(body)[len(_MAGIC) :]))
        type_meta = {number: _text(value) for number, value in _wire(_bytes(envelope.get(1, b"")))}
        api_version, kind = type_meta.get(1, ""), type_meta.get(2, "")
        tree = _message(_bytes(envelope.get(2, b"")), _definition(api_version, kind), schema, 0)
    except (_Malformed, struct.error, UnicodeDecodeError, OverflowError, orjson.JSONDecodeError) as error:
        raise BadRequest(f"couldn't decode the protobuf message: {error}") from error
    if is_too_deep(tree):  # JSON in a RawExtension may be deeper than messages
        raise BadRequest("couldn't decode the protobuf message: exceeded max depth")
    return {"apiVersion": api_version, "kind": kind} | tree


def _definition(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    package = _PACKAGES.get(group) or f"io.k8s.api.{group.partition('.')[0] or 'core'}"
    name = f"{package}.{version}.{kind}"
    if kind in _OF_META:
        name = f"{_META}.{kind}"
    if name not in _messages():
        raise BadRequest(f'no kind "{kind}" is registered for version "{api_version}" in protobuf')
    return name


@cache
def _messages() -> dict[str, dict[str, str]]:
    """message -> field number -> field name, or +message for one that is spread over its parent."""
    found: dict[str, dict[str, str]] = json.loads(_DATA.read_text())
    return found


# The wire format (protobuf encoding guide): a key is (number << 3 | wire type).


def _wire(data: memoryview | bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: varints as integers, everything else as bytes."""
    view, at, end = memoryview(data), 0, len(data)
    while at < end:
        key, at = _varint(view, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(view, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(view, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise _Malformed(f"wire type {kind}")
        if at + size > end:
            raise _Malformed("unexpected EOF")
        yield key >> 3, bytes(view[at : at + size])
        at += size


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(view) or shift > 63:
            raise _Malformed("unexpected EOF" if at >= len(view) else "integer overflow")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise _Malformed("a number where a message should be")
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()


def _signed(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise _Malformed("a message where a number should be")
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


# Messages by the schema


def _message(data: bytes, definition: str, schema: Schema, depth: int) -> Object:
    if depth > _MAX_DEPTH:
        raise _Malformed("exceeded max depth")
    tree: Object = {}
    if definition in _messages() and definition in schema:
        _fill(tree, data, _messages()[definition], schema.definition(definition).fields, depth)
    return tree


def _fill(tree: Object, data: bytes, numbers: dict[str, str], fields: Any, depth: int) -> None:
    """Set the fields of a message in the tree; what the schema does not have is skipped, as unknown fields are."""
    for number, value in _wire(data):
        name = numbers.get(str(number))
        if name is None:
            continue
        if name.startswith("+"):
            _fill(tree, _bytes(value), _messages()[name[1:]], fields, depth + 1)
        elif (field := fields.get(name)) is not None:
            _set(tree, name, field, value, depth)


def _set(tree: Object, name: str, field: Field, value: int | bytes, depth: int) -> None:
    if field.type == "array" and field.items is not None:
        tree.setdefault(name, []).append(_value(field.items, value, depth))
    elif field.type == "map" and field.items is not None:
        key, item = _entry(field.items, _bytes(value), depth)
        tree.setdefault(name, {})[key] = item
    else:
        found = _value(field, value, depth)
        # Go writes a plain field that is empty; JSON leaves it out.
        if found is not None and (found or field.pointer or field.always or field.type in ("object", "any")):
            tree[name] = found


def _entry(field: Field, data: bytes, depth: int) -> tuple[str, Any]:
    """A map's entry: 1 is the key, 2 the value, either may be missing."""
    parts = dict(_wire(data))
    value = parts.get(2, 0 if field.type in ("integer", "boolean") else b"")
    return _text(parts.get(1, b"")), _value(field, value, depth)


def _value(field: Field, value: int | bytes, depth: int) -> Any:
    if field.type == "object":
        assert field.schema is not None
        return _message(_bytes(value), field.ref, field.schema, depth + 1)
    if field.type == "array" and field.items is not None:  # a list inside a map: a message whose field 1 is repeated
        return [_value(field.items, item, depth + 1) for number, item in _wire(_bytes(value)) if number == 1]
    if field.ref.rpartition(".")[2] in _UNIONS and field.schema is not None:
        return _union(field, _bytes(value), depth)
    return _SCALARS[field.type](value)


# Types of JSON that are a JSON schema or something else: which field of the message has the schema, and which the rest.
_UNIONS = {
    "JSONSchemaPropsOrBool": (2, 1, Field("boolean")),
    "JSONSchemaPropsOrArray": (1, 2, Field("array")),
    "JSONSchemaPropsOrStringArray": (1, 2, Field("array", items=Field("string"))),
}


def _union(field: Field, data: bytes, depth: int) -> Any:
    name = field.ref.rpartition(".")[2]
    schema_number, other_number, other = _UNIONS[name]
    schema = Field("object", ref=field.ref.removesuffix(name) + "JSONSchemaProps", schema=field.schema)
    parts = list(_wire(data))
    if found := [value for number, value in parts if number == schema_number]:
        return _value(schema, found[-1], depth + 1)
    rest = [value for number, value in parts if number == other_number]
    if other.type == "array":
        return [_value(other.items or schema, item, depth + 1) for item in rest]
    return bool(rest and _signed(rest[-1]))


def _time(value: int | bytes) -> datetime | None:
    parts = dict(_wire(_bytes(value)))
    seconds, nanos = _signed(parts.get(1, 0)), _signed(parts.get(2, 0))
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000) if seconds or nanos else None


def _whole_time(value: int | bytes) -> str | None:
    moment = _time(value)
    return format_time(moment) if moment else None


def _micro_time(value: int | bytes) -> str | None:
    moment = _time(value)
    return format_micro_time(moment) if moment else None


def _quantity(value: int | bytes) -> str:
    return _text(dict(_wire(_bytes(value))).get(1, b"0"))


def _int_or_string(value: int | bytes) -> int | str:
    parts = dict(_wire(_bytes(value)))
    return _text(parts.get(3, b"")) if parts.get(1) else _signed(parts.get(2, 0))


def _raw(value: int | bytes) -> Any:
    text = _bytes(dict(_wire(_bytes(value))).get(1, b""))
    return orjson.loads(text) if text else None


def _number(value: int | bytes) -> float:
    return float(struct.unpack("<d", _bytes(value))[0])


_SCALARS: dict[str, Callable[[int | bytes], Any]] = {
    "string": _text,
    "bytes": lambda value: base64.b64encode(_bytes(value)).decode(),
    "boolean": lambda value: bool(_signed(value)),
    "integer": _signed,
    "number": _number,
    "time": _whole_time,
    "micro-time": _micro_time,
    "quantity": _quantity,
    "int-or-string": _int_or_string,
    "any": _raw,
}
