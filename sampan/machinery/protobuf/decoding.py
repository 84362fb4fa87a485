"""Protobuf messages as JSON trees: `decoder(message)(data, at, end, depth)` is the tree of what lies from at to end.

Unknown fields are skipped; an empty value of a field that JSON leaves out when empty is left out, for Go writes every
plain field. Called by envelope.py for bodies of clients; everything raised is a Malformed, or a ValueError of a value
that lies within.
"""

import base64
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from sampan.machinery.meta import Object
from sampan.machinery.protobuf.messages import Field, fields_of
from sampan.machinery.protobuf.values import READERS, UNIONS
from sampan.machinery.protobuf.wire import FIXED64, SIZED, VARINT, Malformed, read_size, read_varint, skip

Decode = Callable[[bytes, int, int, int], Any]  # data, where the message begins and ends, how deep it lies
Put = Callable[[Object, bytes, int, int, int], None]  # into a tree, what lies there

_MAX_DEPTH = 100
_GO_NAMES = {"metadata": "ObjectMeta"}
_VARINTS: dict[str, Callable[[int], Any]] = {
    "bool": bool,
    "int32": lambda value: (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000,
    "int64": lambda value: value - (1 << 64) if value >> 63 else value,
}


@cache
def decoder(message: str) -> Decode:
    """The function that reads a message; compiled when it is first called. Raises KeyError."""
    if message in READERS:
        read = READERS[message]
        return lambda data, at, end, depth: read(data[at:end])
    if message in UNIONS:
        return _union(message)
    fields = fields_of(message)
    if len(fields) == 1 and fields[0].inline and fields[0].is_scalar:  # no tree in JSON, but its only field
        (field,) = fields
        tree_of = _tree_decoder(message, (field,))
        return lambda data, at, end, depth: tree_of(data, at, end, depth).get(field.name, [])
    return _tree_decoder(message, fields)


def _union(message: str) -> Decode:
    schema, _, read = UNIONS[message]

    def decode(data: bytes, at: int, end: int, depth: int) -> Any:
        return read(data[at:end], lambda part: decoder(schema)(part, 0, len(part), depth + 1))

    return decode


def _tree_decoder(message: str, fields: tuple[Field, ...]) -> Decode:
    fill = _Fields(message, fields).fill

    def decode(data: bytes, at: int, end: int, depth: int) -> Object:
        tree: Object = {}
        fill(tree, data, at, end, depth)
        return tree

    return decode


class _Fields:
    """The fields of a message by their key; made when the first is read, for messages may hold themselves."""

    def __init__(self, message: str, fields: tuple[Field, ...]) -> None:
        self._message, self._fields = message, fields
        self._puts: dict[int, Put] = {}

    def fill(self, tree: Object, data: bytes, at: int, end: int, depth: int) -> None:
        """Set the fields of a message in a tree."""
        if depth > _MAX_DEPTH:
            raise Malformed("exceeded max depth")
        puts = self._puts or self._compile()
        while at < end:
            key = data[at]
            at += 1
            if key > 127:
                key, at = read_varint(data, at - 1, end)
            wire_type = key & 7
            put = puts.get(key)
            if put is None:
                self._check(key)
            if wire_type == SIZED:
                start, at = read_size(data, at, end)
            else:
                start, at = at, skip(data, at, end, wire_type)
            if put is not None:
                put(tree, data, start, at, depth)

    def _compile(self) -> dict[int, Put]:
        puts: dict[int, Put] = {}
        for field in self._fields:
            for wire_type, put in _puts(field).items():
                puts[field.number << 3 | wire_type] = put
        self._puts = puts
        return puts

    def _check(self, key: int) -> None:
        """Whether a key may be skipped: its number is none of ours."""
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise Malformed(f"proto: {self._message.rpartition('.')[2]}: illegal tag 0 (wire type {wire_type})")
        for field in self._fields:
            if field.number == number:
                name = _GO_NAMES.get(field.name) or field.name[:1].upper() + field.name[1:]
                raise Malformed(f"proto: wrong wireType = {wire_type} for field {name}")


def _puts(field: Field) -> dict[int, Put]:
    """How a field is read, by wire type."""
    if field.many == "{}":
        return {SIZED: _put_entry(field)}
    if field.inline and not field.is_scalar:
        return {SIZED: _put_inline(field)}
    wire_type, one = _one(field)
    put = _append(field, one) if field.many else _set(field, one)
    if field.many and wire_type == VARINT:
        return {wire_type: put, SIZED: _append_packed(field, one)}
    return {wire_type: put}


def _set(field: Field, one: Decode) -> Put:
    name, keeps_empty = field.name, field.kept or _is_tree(field)

    def put(tree: Object, data: bytes, at: int, end: int, depth: int) -> None:
        value = one(data, at, end, depth)
        if value or (keeps_empty and value is not None):
            tree[name] = value

    return put


def _is_tree(field: Field) -> bool:
    return not field.is_scalar and field.type not in READERS


def _append(field: Field, one: Decode) -> Put:
    name = field.name

    def put(tree: Object, data: bytes, at: int, end: int, depth: int) -> None:
        tree.setdefault(name, []).append(one(data, at, end, depth))

    return put


def _append_packed(field: Field, one: Decode) -> Put:
    """Numbers may also come without their keys, one after another."""
    name = field.name

    def put(tree: Object, data: bytes, at: int, end: int, depth: int) -> None:
        values = tree.setdefault(name, [])
        while at < end:
            start, at = at, read_varint(data, at, end)[1]
            values.append(one(data, start, at, depth))

    return put


def _put_inline(field: Field) -> Put:
    fill = _Fields(field.type, fields_of(field.type)).fill
    return lambda tree, data, at, end, depth: fill(tree, data, at, end, depth + 1)


def _put_entry(field: Field) -> Put:
    """A map's entry is a message: 1 is the key, 2 the value, and either may be missing."""
    empty = "" if field.type in ("string", "bytes") else 0 if field.is_scalar else None
    value = Field(2, "value", field.type, kept=True)
    entry = _Fields(f"{field.name}Entry", (Field(1, "key", "string"), value))
    read_nothing = None if field.is_scalar else decoder(field.type)
    name = field.name

    def put(tree: Object, data: bytes, at: int, end: int, depth: int) -> None:
        found: Object = {}
        entry.fill(found, data, at, end, depth)
        if "value" not in found:
            found["value"] = empty if read_nothing is None else read_nothing(b"", 0, 0, depth + 1)
        tree.setdefault(name, {})[found.get("key", "")] = found["value"]

    return put


def _one(field: Field) -> tuple[int, Decode]:
    """The wire type of a value, and how it is read."""
    if field.type in _VARINTS:
        convert = _VARINTS[field.type]
        return VARINT, lambda data, at, end, depth: convert(read_varint(data, at, end)[0])
    if field.type == "string":
        return SIZED, lambda data, at, end, depth: data[at:end].decode()
    if field.type == "bytes":
        return SIZED, lambda data, at, end, depth: base64.b64encode(data[at:end]).decode()
    if field.type == "double":
        unpack = struct.Struct("<d").unpack_from
        return FIXED64, lambda data, at, end, depth: unpack(data, at)[0]
    return SIZED, _nested(field.type)


def _nested(message: str) -> Decode:
    decode: Decode | None = None

    def nested(data: bytes, at: int, end: int, depth: int) -> Any:
        nonlocal decode
        if decode is None:
            decode = decoder(message)
        return decode(data, at, end, depth + 1)

    return nested
