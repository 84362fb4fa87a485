"""Protobuf's wire format: varints, keys (number << 3 | wire type), lengths. Rules: the protobuf encoding guide."""

from functools import cache

VARINT, FIXED64, SIZED, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_MASK = (1 << 64) - 1


class Malformed(Exception):
    """Bytes that are no message, in the words of gogo/protobuf."""


def varint(value: int) -> bytes:
    """A number of 64 bits; negative ones have ten bytes."""
    if 0 <= value < 128:
        return _SMALL[value]
    value &= _MASK
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


_SMALL = [bytes((number,)) for number in range(128)]


def key(number: int, wire_type: int) -> bytes:
    """What is before a field's value."""
    return varint(number << 3 | wire_type)


@cache
def heads(number: int, wire_type: int) -> tuple[bytes, ...]:
    """The key of a field together with each number of one byte: lengths and values seldom are larger."""
    return tuple(key(number, wire_type) + small for small in _SMALL)


def sized(number: int, body: bytes) -> bytes:
    """A field that holds a text or a message."""
    size = len(body)
    return heads(number, SIZED)[size] + body if size < 128 else key(number, SIZED) + varint(size) + body


def read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number without sign, and where it ends; raises Malformed."""
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & _MASK, at
        shift += 7
        if shift > 63:
            raise Malformed("proto: integer overflow")
    raise Malformed("unexpected EOF")


def read_size(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Where what follows a length begins and ends; raises Malformed."""
    size, at = read_varint(data, at, end)
    if size >> 63:
        raise Malformed("proto: negative length found during unmarshaling")
    if size > end - at:
        raise Malformed("unexpected EOF")
    return at, at + size


def skip(data: bytes, at: int, end: int, wire_type: int) -> int:
    """Where a value ends that nobody wants; raises Malformed."""
    if wire_type == VARINT:
        return read_varint(data, at, end)[1]
    if wire_type == SIZED:
        return read_size(data, at, end)[1]
    if wire_type not in _WIDTHS:
        raise Malformed(f"proto: illegal wireType {wire_type}")
    if at + _WIDTHS[wire_type] > end:
        raise Malformed("unexpected EOF")
    return at + _WIDTHS[wire_type]
