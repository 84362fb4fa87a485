"""JSON trees as protobuf messages: `encoder(message)(tree)` are the bytes of the message, without what is around it.

A message's fields are written by number, as upstream writes them, whatever their order in the tree. Objects of one kind
have their names in few orders: what to do for each is worked out once (a plan) and kept. Names that the message does
not have are left out, and so are nulls; in lists and maps they are empty. Called by render/.
"""

import base64
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sampan.machinery.meta import Object
from sampan.machinery.protobuf.messages import Field, fields_of, names_of
from sampan.machinery.protobuf.values import UNIONS, WRITERS
from sampan.machinery.protobuf.wire import FIXED64, SIZED, VARINT, heads, key, sized, varint

Encode = Callable[[Any], bytes]
Plan = Sequence[tuple[str, Encode]]  # by number: a name, and how its value is written, key and all

_MOST_PLANS = 256  # of a message; clients choose the order of names


@cache
def encoder(message: str) -> Encode:
    """The function that writes a message; compiled when it is first called. Raises KeyError."""
    if message in WRITERS:
        return WRITERS[message]
    if message in UNIONS:
        schema, write, _ = UNIONS[message]
        return write(lambda tree: encoder(schema)(tree))
    return _Fields(message).write


class _Fields:
    """The fields of a message, and the plans that have been made for it."""

    def __init__(self, message: str) -> None:
        self._fields = {name: field for field in fields_of(message) for name in names_of(field)}
        self._alone = next((field for field in self._fields.values() if field.inline and field.is_scalar), None)
        self._inline = any(field.inline for field in self._fields.values())
        self._plans: dict[tuple[str, ...], Plan] = {}

    @property
    def write(self) -> Encode:
        """The function for trees; or for what is no tree in JSON but its only field (ExtraValue: strings)."""
        if self._alone:
            return _written(self._alone)
        return self._write_nested if self._inline else self._write

    def _write(self, tree: Object) -> bytes:
        names = tuple(tree)
        plan = self._plans.get(names)
        try:
            return b"".join([write(tree[name]) for name, write in plan or self._plan(names)])
        except (AttributeError, TypeError):
            return self._write(_without_nulls(tree))

    def _write_nested(self, tree: Object) -> bytes:
        """The same for messages with inline ones, which take their part of the tree."""
        names = tuple(tree)
        plan = self._plans.get(names)
        try:
            return b"".join([write(tree[name] if name else tree) for name, write in plan or self._plan(names)])
        except (AttributeError, TypeError):
            return self._write_nested(_without_nulls(tree))

    def _plan(self, names: tuple[str, ...]) -> Plan:
        parts: dict[Field, list[str]] = {}
        for name in names:
            if name in self._fields:
                parts.setdefault(self._fields[name], []).append(name)
        plan = [("" if field.inline else field.name, _writer(field, tuple(parts[field]))) for field in sorted(parts)]
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[names] = plan
        return plan


def _without_nulls(tree: Object) -> Object:
    """The tree again, for another try; raises TypeError where that would go as before."""
    left = {name: value for name, value in tree.items() if value is not None}
    if len(left) == len(tree):
        raise TypeError(f"no message has these values: {list(tree)}")
    return left


def _writer(field: Field, names: tuple[str, ...]) -> Encode:
    if not field.inline:
        return _written(field)
    number, write = field.number, encoder(field.type)
    return lambda tree: sized(number, write({name: tree[name] for name in names}))


@cache
def _written(field: Field) -> Encode:
    """How the value of a field is written."""
    one, empty = _one(field), sized(field.number, b"")
    if field.many == "[]":
        return lambda values: b"".join([empty if value is None else one(value) for value in values])
    return _map(field) if field.many else one


def _map(field: Field) -> Encode:
    number, write_key, one, empty = field.number, _text(1), _one(field._replace(number=2)), sized(2, b"")

    def entry(name: str, value: Any) -> bytes:
        return sized(number, write_key(name) + (empty if value is None else one(value)))

    return lambda values: b"".join([entry(name, values[name]) for name in sorted(values)])


def _one(field: Field) -> Encode:
    if field.is_scalar:
        return _SCALARS[field.type](field.number)
    short, long, write = heads(field.number, SIZED), key(field.number, SIZED), encoder(field.type)

    def encode(value: Any) -> bytes:
        body = write(value)
        size = len(body)
        return short[size] + body if size < 128 else long + varint(size) + body

    return encode


def _text(number: int) -> Encode:
    short, long = heads(number, SIZED), key(number, SIZED)

    def encode(value: str) -> bytes:
        body = value.encode()
        size = len(body)
        return short[size] + body if size < 128 else long + varint(size) + body

    return encode


def _bytes(number: int) -> Encode:
    return lambda value: sized(number, base64.b64decode(value))


def _integer(number: int) -> Encode:
    short, long = heads(number, VARINT), key(number, VARINT)
    return lambda value: short[value] if 0 <= value < 128 else long + varint(value)


def _boolean(number: int) -> Encode:
    false, true = heads(number, VARINT)[:2]
    return lambda value: true if value else false


def _double(number: int) -> Encode:
    long, pack = key(number, FIXED64), struct.Struct("<d").pack
    return lambda value: long + pack(value)


_SCALARS: dict[str, Callable[[int], Encode]] = {
    "string": _text,
    "bytes": _bytes,
    "bool": _boolean,
    "int32": _integer,
    "int64": _integer,
    "double": _double,
}
