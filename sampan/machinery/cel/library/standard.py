"""The standard functions: sizes, conversions between types, and the tests on texts.

Upstream: cel-go common/stdlib/standard.go, common/types/*.go (ConvertToType and its texts).
"""

import math
import re
from typing import Any

from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.library.formatting import double_text
from sampan.machinery.cel.library.moments import duration_text, parse_duration, parse_timestamp, timestamp_text
from sampan.machinery.cel.library.patterns import matches
from sampan.machinery.cel.values import (
    INT_MAX,
    INT_MIN,
    SECOND,
    Duration,
    Timestamp,
    TypeValue,
    UInt,
    checked_timestamp,
    checked_uint,
    type_name,
)

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_UNSIGNED = re.compile(r"[0-9]+", re.ASCII)
_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))
_LONGEST_NUMBER = 400


def _wrong(source: str, target: str) -> EvaluationError:
    return EvaluationError(f"type conversion error from '{source}' to '{target}'")


def _string_to_int(text: str) -> int:
    if len(text) > _LONGEST_NUMBER or not _INTEGER.fullmatch(text) or not INT_MIN <= int(text) <= INT_MAX:
        raise _wrong("string", "int")
    return int(text)


def _string_to_uint(text: str) -> UInt:
    if len(text) > _LONGEST_NUMBER or not _UNSIGNED.fullmatch(text) or int(text) >= 2**64:
        raise _wrong("string", "uint")
    return UInt(text)


def _string_to_double(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _wrong("string", "double") from None
    if text.strip() != text or (math.isinf(value) and any(char.isdigit() for char in text)):
        raise _wrong("string", "double")
    return value


def _string_to_bool(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise _wrong("string", "bool")


def _string_to_duration(text: str) -> Duration:
    try:
        return parse_duration(text)
    except EvaluationError:
        raise _wrong("string", "google.protobuf.Duration") from None


def _string_to_timestamp(text: str) -> Timestamp:
    try:
        return parse_timestamp(text)
    except EvaluationError:
        raise _wrong("string", "google.protobuf.Timestamp") from None


def _double_to_int(value: float) -> int:
    if math.isnan(value) or math.isinf(value) or not INT_MIN < value < INT_MAX:
        raise EvaluationError("integer overflow")
    return int(value)


def _double_to_uint(value: float) -> UInt:
    if math.isnan(value) or math.isinf(value) or not 0 <= value < 2**64:
        raise EvaluationError("unsigned integer overflow")
    return UInt(value)


def _uint_to_int(value: UInt) -> int:
    if value > INT_MAX:
        raise EvaluationError("integer overflow")
    return int(value)


def _int_to_timestamp(value: int) -> Any:
    return checked_timestamp(value * SECOND)


def _bytes_to_string(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvaluationError("invalid UTF-8 in bytes, cannot convert to string") from None


def _size(value: Any) -> int:
    return len(value)


_SIZED = ("string", "bytes", "list(A)", "map(A, B)")
STANDARD = Library(
    "standard",
    (
        *(overload(f"size({kind}) -> int", _size) for kind in _SIZED),
        *(overload(f"{kind}.size() -> int", _size) for kind in _SIZED),
        overload("type(A) -> type(A)", lambda value: TypeValue(type_name(value))),
        overload("dyn(A) -> dyn", lambda value: value),
        overload("bool(bool) -> bool", lambda value: value),
        overload("bool(string) -> bool", _string_to_bool),
        overload("bytes(bytes) -> bytes", lambda value: value),
        overload("bytes(string) -> bytes", lambda value: value.encode(errors="surrogatepass"), "string_to_bytes"),
        overload("double(double) -> double", lambda value: value),
        overload("double(int) -> double", float),
        overload("double(string) -> double", _string_to_double),
        overload("double(uint) -> double", float),
        overload("duration(duration) -> duration", lambda value: value),
        overload("duration(string) -> duration", _string_to_duration),
        overload("int(int) -> int", lambda value: value),
        overload("int(double) -> int", _double_to_int),
        overload("int(duration) -> int", lambda value: value.nanos),
        overload("int(string) -> int", _string_to_int),
        overload("int(timestamp) -> int", lambda value: value.nanos // SECOND),
        overload("int(uint) -> int", _uint_to_int),
        overload("string(string) -> string", lambda value: value),
        overload("string(bool) -> string", lambda value: "true" if value else "false"),
        overload("string(bytes) -> string", _bytes_to_string, "bytes_to_string"),
        overload("string(double) -> string", double_text),
        overload("string(duration) -> string", duration_text),
        overload("string(int) -> string", str),
        overload("string(timestamp) -> string", timestamp_text),
        overload("string(uint) -> string", lambda value: str(int(value))),
        overload("timestamp(timestamp) -> timestamp", lambda value: value),
        overload("timestamp(int) -> timestamp", _int_to_timestamp),
        overload("timestamp(string) -> timestamp", _string_to_timestamp),
        overload("uint(uint) -> uint", lambda value: value),
        overload("uint(double) -> uint", _double_to_uint),
        overload("uint(int) -> uint", checked_uint),
        overload("uint(string) -> uint", _string_to_uint),
        overload("string.contains(string) -> bool", lambda text, part: part in text, "contains_string"),
        overload("string.endsWith(string) -> bool", str.endswith, "ends_with_string"),
        overload("string.startsWith(string) -> bool", str.startswith, "starts_with_string"),
        overload("matches(string, string) -> bool", matches, "matches"),
        overload("string.matches(string) -> bool", matches, "matches_string"),
    ),
)
