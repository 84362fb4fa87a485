"""Messages whose JSON is something else: times, quantities, numbers or names, JSON within protobuf, schemas or not.

WRITERS and READERS by message: a JSON value to the message's bytes, and back. Rules: the Marshal and Unmarshal methods
of k8s.io/apimachinery (pkg/apis/meta/v1 time_proto.go, pkg/api/resource, pkg/util/intstr, pkg/runtime). Called by
encoding.py and decoding.py.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from sampan.machinery.meta import format_micro_time, format_time
from sampan.machinery.protobuf.messages import META
from sampan.machinery.protobuf.wire import (
    SIZED,
    VARINT,
    Malformed,
    heads,
    read_size,
    read_varint,
    sized,
    skip,
    varint,
)

Writer = Callable[[Any], bytes]
Reader = Callable[[bytes], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO_TIME = "0001-01-01T00:00:00Z"
_REMEMBERED = 4096  # times, quantities: few, and often the same


def parts(data: bytes, at: int, end: int) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a small message: numbers and what has a length, one after another; raises Malformed."""
    while at < end:
        head, at = read_varint(data, at, end)
        number, wire_type = head >> 3, head & 7
        if wire_type == VARINT:
            value, at = read_varint(data, at, end)
            yield number, value
        elif wire_type == SIZED:
            start, at = read_size(data, at, end)
            yield number, data[start:at]
        else:
            at = skip(data, at, end, wire_type)


def _fields(data: bytes) -> dict[int, int | bytes]:
    return dict(parts(data, 0, len(data)))


def as_bytes(value: int | bytes) -> bytes:
    """A value that has a length; raises Malformed."""
    if isinstance(value, int):
        raise Malformed("proto: wrong wireType = 0")
    return value


def signed(value: int | bytes, bits: int = 64) -> int:
    """A number of some bits, as Go reads it; raises Malformed."""
    if not isinstance(value, int):
        raise Malformed("proto: wrong wireType = 2")
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


@lru_cache(_REMEMBERED)
def _write_time(text: str) -> bytes:
    if text == _ZERO_TIME:
        return b""
    since = datetime.fromisoformat(text) - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return b"\x08" + varint(seconds) + b"\x10" + varint(since.microseconds * 1000)


def _moment(data: bytes) -> datetime | None:
    """None for the zero time, of which nothing is written."""
    found = _fields(data)
    if not found:
        return None
    return _EPOCH + timedelta(seconds=signed(found.get(1, 0)), microseconds=signed(found.get(2, 0), 32) // 1000)


def _read_time(data: bytes) -> str | None:
    moment = _moment(data)
    return format_time(moment) if moment else None


def _read_micro_time(data: bytes) -> str | None:
    moment = _moment(data)
    return format_micro_time(moment) if moment else None


@lru_cache(_REMEMBERED)
def _write_quantity(value: str | int | float) -> bytes:
    return sized(1, str(value).encode())


def _read_quantity(data: bytes) -> str:
    return as_bytes(_fields(data).get(1, b"0")).decode()


def _write_int_or_string(value: int | str) -> bytes:
    if isinstance(value, str):
        return b"\x08\x01\x10\x00" + sized(3, value.encode())
    return b"\x08\x00\x10" + varint(value) + b"\x1a\x00"


def _read_int_or_string(data: bytes) -> int | str:
    found = _fields(data)
    return as_bytes(found.get(3, b"")).decode() if found.get(1) else signed(found.get(2, 0), 32)


def _write_json(value: Any) -> bytes:
    return sized(1, orjson.dumps(value))


def _read_json(data: bytes) -> Any:
    text = as_bytes(_fields(data).get(1, b""))
    return orjson.loads(text) if text else None


# A JSON schema or something else: the number of the schema's field, and of the other one.


def _write_schema_or_bool(write: Writer) -> Writer:
    allowed, denied = heads(1, VARINT)[1], heads(1, VARINT)[0]
    return lambda value: allowed + sized(2, write(value)) if isinstance(value, dict) else (allowed if value else denied)


def _write_schema_or_array(write: Writer) -> Writer:
    return lambda value: (
        sized(1, write(value)) if isinstance(value, dict) else b"".join(sized(2, write(item)) for item in value)
    )


def _write_schema_or_strings(write: Writer) -> Writer:
    return lambda value: (
        sized(1, write(value)) if isinstance(value, dict) else b"".join(sized(2, item.encode()) for item in value)
    )


def _read_schema_or_bool(data: bytes, read: Reader) -> Any:
    found = _fields(data)
    return read(as_bytes(found[2])) if 2 in found else bool(found.get(1, 0))


def _read_schema_or_array(data: bytes, read: Reader) -> Any:
    found = list(parts(data, 0, len(data)))
    schemas = [as_bytes(value) for number, value in found if number == 1]
    return read(schemas[-1]) if schemas else [read(as_bytes(value)) for number, value in found if number == 2]


def _read_schema_or_strings(data: bytes, read: Reader) -> Any:
    found = list(parts(data, 0, len(data)))
    schemas = [as_bytes(value) for number, value in found if number == 1]
    return read(schemas[-1]) if schemas else [as_bytes(value).decode() for number, value in found if number == 2]


_RUNTIME, _EXTENSIONS = "io.k8s.apimachinery.pkg.runtime", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions"
_VERSIONS = (f"{_EXTENSIONS}.v1", f"{_EXTENSIONS}.v1beta1")
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_JSON = (f"{META}.FieldsV1", f"{_RUNTIME}.RawExtension", *(f"{package}.JSON" for package in _VERSIONS))

WRITERS: dict[str, Writer] = {
    f"{META}.Time": _write_time,
    f"{META}.MicroTime": _write_time,
    _QUANTITY: _write_quantity,
    _INT_OR_STRING: _write_int_or_string,
    **dict.fromkeys(_JSON, _write_json),
}
READERS: dict[str, Reader] = {
    f"{META}.Time": _read_time,
    f"{META}.MicroTime": _read_micro_time,
    _QUANTITY: _read_quantity,
    _INT_OR_STRING: _read_int_or_string,
    **dict.fromkeys(_JSON, _read_json),
}

# message -> the message of the schema, and how the whole is written and read with the functions of that.
UNIONS: dict[str, tuple[str, Callable[[Writer], Writer], Callable[[bytes, Reader], Any]]] = {
    f"{package}.JSONSchemaPropsOr{name}": (f"{package}.JSONSchemaProps", write, read)
    for package in _VERSIONS
    for name, write, read in (
        ("Bool", _write_schema_or_bool, _read_schema_or_bool),
        ("Array", _write_schema_or_array, _read_schema_or_array),
        ("StringArray", _write_schema_or_strings, _read_schema_or_strings),
    )
}
