"""The declared type of a value from its structural schema, as CustomResourceDefinitions have them.

A schema is the JSON tree of OpenAPI v3 with x-kubernetes-* extensions. What has no type, or preserves unknown fields
and is no object, has no declaration and cannot be named in a rule. Called by crd_rules.py.
Upstream: apiserver pkg/cel/common/schemas.go (types, sizes), valuesunstructured.go (how values are read).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.escaping import escape
from sampan.machinery.cel.library.moments import parse_duration, parse_timestamp
from sampan.machinery.cel.sizes import MAX_REQUEST
from sampan.machinery.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Declaration,
    DeclaredField,
    Reader,
    Type,
    list_of,
    map_of,
    struct,
)
from sampan.machinery.cel.values import INT_MAX, Duration

Schema = Mapping[str, Any]
_LONGEST_STRING = MAX_REQUEST - 2
_LONGEST_NAME = 253
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LONG_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zµ]+)", re.IGNORECASE)
_LONG_UNITS = {"d": 86400, "day": 86400, "days": 86400, "w": 7 * 86400, "week": 7 * 86400, "weeks": 7 * 86400}


def declare(schema: Schema, root: bool = False, name: str = "selfType") -> Declaration | None:
    """The declaration for a schema; `root` for that of a resource, whose kind and name can always be asked for."""
    if schema.get("x-kubernetes-int-or-string"):
        most = schema["maxLength"] * 4 if "maxLength" in schema else _LONGEST_STRING
        return _typed(Declaration(most=most, least_size=1), DYN)
    kind = schema.get("type", "")
    if root:
        schema = with_metadata(schema)
    if kind == "array":
        return _list(schema, name)
    if kind == "object":
        return _map(schema, name) if _values(schema) is not None else _object(schema, name)
    if kind == "string":
        return _string(schema)
    return _scalar(kind)


def _typed(declaration: Declaration, type_: Type) -> Declaration:
    """A declaration with its type, which refers back to it."""
    declaration.type = Type(type_.kind, type_.name, type_.parameters, declaration)
    return declaration


def _scalar(kind: str) -> Declaration | None:
    if kind == "boolean":
        return _typed(Declaration(least_size=4), BOOL)
    if kind == "integer":
        return _typed(Declaration(least_size=1), INT)
    if kind == "number":
        return _typed(Declaration(least_size=1, read=_double), DOUBLE)
    return None


def _double(value: Any) -> Any:
    return float(value) if type(value) is int else value


def _embedded(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-embedded-resource"))


def _list(schema: Schema, name: str) -> Declaration | None:
    items = schema.get("items")
    item = declare(items, _embedded(items), f"{name}.@idx") if items else None
    if item is None:
        return None
    most = max(schema["maxItems"], 0) if "maxItems" in schema else (MAX_REQUEST - 2) // (item.least_size + 1)
    made = Declaration(
        item=item,
        read=_each(item.read),
        list_type=schema.get("x-kubernetes-list-type", "atomic"),
        list_keys=tuple(schema.get("x-kubernetes-list-map-keys", ())),
        most=most,
        least_size=2,
    )
    return _typed(made, list_of(item.type))


def _each(read: Reader | None) -> Reader | None:
    """Lists and maps of what must be converted are converted when they are read."""
    if read is None:
        return None

    def read_all(value: Any) -> Any:
        if isinstance(value, list):
            return [read(item) for item in value]
        return {key: read(item) for key, item in value.items()} if isinstance(value, dict) else value

    return read_all


def _values(schema: Schema) -> Schema | None:
    given = schema.get("additionalProperties")
    return given if isinstance(given, dict) else None


def _map(schema: Schema, name: str) -> Declaration | None:
    values = _values(schema)
    item = declare(values, _embedded(values), f"{name}.@elem") if values is not None else None
    if item is None:
        return None
    limit = schema.get("maxProperties")
    most = max(limit, 0) if limit is not None else (MAX_REQUEST - 2) // (item.least_size + 6)
    key = _typed(Declaration(least_size=2), STRING)
    made = Declaration(item=item, key=key, read=_each(item.read), most=most, least_size=2)
    return _typed(made, map_of(STRING, item.type))


def _object(schema: Schema, name: str) -> Declaration:
    required = frozenset(schema.get("required", ()))
    fields: dict[str, DeclaredField] = {}
    size = 2
    for key, given in schema.get("properties", {}).items():
        escaped = escape(key)
        declaration = declare(given, _embedded(given), f"{name}.{escaped}")
        if declaration is None:
            continue
        if escaped is not None:
            fields[escaped] = DeclaredField(key, declaration)
        if key in required and given.get("default") is None:
            size += len(key.encode()) + declaration.least_size + 4
    made = Declaration(fields=fields, least_size=size)
    return _typed(made, struct(name))


def with_metadata(schema: Schema) -> Schema:
    """A resource's schema with apiVersion, kind, metadata.name and metadata.generateName."""
    given = schema.get("properties", {})
    metadata = given.get("metadata", {}).get("properties", {})
    text = {"type": "string"}
    names = {
        "name": _capped(metadata.get("name", {}), _LONGEST_NAME),
        "generateName": _capped(metadata.get("generateName", {}), _LONGEST_NAME - 1),
    }
    own = {"apiVersion": text, "kind": text, "metadata": {"type": "object", "properties": names}}
    return {**schema, "properties": {**given, **own}}


def _capped(schema: Schema, limit: int) -> Schema:
    return {"type": "string", "maxLength": min(schema.get("maxLength", limit), limit)}


def _string(schema: Schema) -> Declaration:
    format_ = schema.get("format", "")
    if format_ in _FORMATS:
        type_, read, most, least = _FORMATS[format_]
        if format_ == "byte" and "maxLength" in schema:
            most = max(schema["maxLength"], 0)
        return _typed(Declaration(read=_nullable(read), most=most, least_size=least), type_)
    return _typed(Declaration(most=_longest(schema), least_size=2), STRING)


def _longest(schema: Schema) -> int:
    if "maxLength" in schema:
        return max(int(schema["maxLength"]), 0) * 4
    texts = [len(value.encode()) for value in schema.get("enum", ()) if isinstance(value, str)]
    if schema.get("enum"):
        return max(texts, default=0)
    return _LONGEST_STRING


def _nullable(read: Reader) -> Reader:
    return lambda value: read(value) if isinstance(value, str) else value


def _read_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise EvaluationError(f"Invalid byte formatted string {text}: illegal base64 data") from None


def _read_duration(text: str) -> Duration:
    """Go's form, or a number with a unit up to weeks, as upstream's strfmt reads it."""
    try:
        return parse_duration(text)
    except EvaluationError as error:
        match = _LONG_DURATION.fullmatch(text)
        unit = _LONG_UNITS.get(match[2].lower()) if match else None
        if match is None or unit is None or (nanos := float(match[1]) * unit * 10**9) > INT_MAX:
            raise EvaluationError(f"Invalid duration {text}: {error}") from None
        return Duration(int(nanos))


def _read_date(text: str) -> Any:
    if not _DATE.fullmatch(text):
        raise EvaluationError(f"Invalid date formatted string {text}")
    return parse_timestamp(f"{text}T00:00:00Z")


def _read_date_time(text: str) -> Any:
    try:
        return parse_timestamp(text)
    except EvaluationError as error:
        raise EvaluationError(f"Invalid date-time formatted string {text}: {error}") from None


_FORMATS: Mapping[str, tuple[Type, Reader, int, int]] = {
    "byte": (BYTES, _read_bytes, _LONGEST_STRING, 2),
    "duration": (DURATION, _read_duration, 32, 3),
    "date": (TIMESTAMP, _read_date, 12, 12),
    "date-time": (TIMESTAMP, _read_date_time, 32, 21),
}
