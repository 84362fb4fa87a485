"""Values with a syntax of their own: how Go's decoders of Kubernetes's scalar types read JSON, and how they refuse it.

A check takes a value of the expected Python type and returns it or its canonical form; a coercion takes any other JSON
value (never null). Both raise Mismatch. Called by decoding.py; others take their words from here.
"""

import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sampan.machinery import meta, quantity
from sampan.machinery.remember import remembered

_JSON_NAMES = {str: "string", bool: "bool", dict: "object", list: "array", type(None): "null"}


def json_name(value: object) -> str:
    """What encoding/json calls a value in its messages."""
    return _JSON_NAMES.get(type(value), "number")


class Mismatch(Exception):
    """A value that its Go type cannot hold. str() is the text after `cannot be handled as a Pod: `."""

    def __init__(self, text: str, go_type: str = "") -> None:
        super().__init__(text)
        self._text, self._go_type = text, go_type
        self._struct = ""
        self._path: list[str] = []

    @classmethod
    def of(cls, value: Any, go_type: str) -> "Mismatch":
        """The error of Go's json.UnmarshalTypeError, for a value that is no `go_type`."""
        return cls(f"json: cannot unmarshal {json_name(value)} into Go", go_type)

    def under(self, struct: str, field: str) -> None:
        """Note, on the way out, the struct and field that hold what failed so far."""
        self._struct = self._struct or struct
        self._path.append(field)

    def __str__(self) -> str:
        if not self._go_type:
            return self._text
        if not self._struct:
            return f"{self._text} value of type {self._go_type}"
        return f"{self._text} struct field {self._struct}.{'.'.join(reversed(self._path))} of type {self._go_type}"


def _integer(bits: int) -> Callable[[int], int]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def check(value: int) -> int:
        if low <= value <= high:
            return value
        raise Mismatch(f"json: cannot unmarshal number {value} into Go", f"int{bits}")

    return check


def _integer_coercion(bits: int) -> Callable[[Any], Any]:
    def refuse(value: Any) -> Any:
        if isinstance(value, float):
            raise Mismatch(f"json: cannot unmarshal number {value} into Go", f"int{bits}")
        raise Mismatch.of(value, f"int{bits}")

    return refuse


def _quantity(value: str) -> str:
    try:
        return quantity.canonical(value.strip())
    except quantity.QuantityError as error:
        raise Mismatch(str(error)) from None


def _quantity_coercion(value: Any) -> Any:
    if type(value) in (int, float):
        return _quantity(str(value))
    raise Mismatch(quantity.FORMAT_WRONG)


def _int_or_string_coercion(value: Any) -> Any:
    if type(value) is int:
        return _INT32(value)
    return _INT32_COERCION(value)


def _number_coercion(value: Any) -> Any:
    if type(value) is int:
        return value
    raise Mismatch.of(value, "float64")


def _base64(value: str) -> str:
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:  # binascii.Error, or characters beyond ASCII
        return _base64_in_lines(value)
    return value


def _base64_in_lines(value: str) -> str:
    """Go skips line breaks and writes the value back without them."""
    joined = value.replace("\r", "").replace("\n", "")
    good = re.match(r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", joined)
    end = good.end() if good else 0
    if end == len(joined):
        return joined
    raise Mismatch(f"illegal base64 data at input byte {_first_bad_byte(joined, end)}")


def _first_bad_byte(text: str, start: int) -> int:
    """Where in its last, bad quantum the text stops being base64."""
    for index in range(start, min(start + 4, len(text))):
        if not re.match(r"[A-Za-z0-9+/]", text[index]):
            return index
    return min(len(text), start + 4)


# The parts of RFC 3339 with Go's name of each, in order: time.Parse tells at which one it stopped.
_TIME_PARTS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"\d{4}", "2006"),
        ("-", "-"),
        (r"\d\d", "01"),
        ("-", "-"),
        (r"\d\d", "02"),
        ("T", "T"),
        (r"\d\d", "15"),
        (":", ":"),
        (r"\d\d", "04"),
        (":", ":"),
        (r"\d\d(?:[.,]\d+)?", "05"),
        (r"Z|[+-]\d\d:\d\d", "Z07:00"),
    )
)
_TIME_LAYOUT = "2006-01-02T15:04:05Z07:00"
_MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"


def _time_check(layout: str, write: Callable[[datetime], str]) -> Callable[[str], str]:
    @remembered(4096)
    def check(value: str) -> str:
        _check_form(value, layout)
        try:
            moment = datetime.fromisoformat(value.replace(",", "."))
            return write(moment.astimezone(UTC))
        except (ValueError, OverflowError):
            raise Mismatch(f'parsing time "{value}": {_out_of_range(value)} out of range') from None

    return check


def _check_form(value: str, layout: str) -> None:
    at = 0
    for pattern, name in _TIME_PARTS:
        found = pattern.match(value, at)
        if not found:
            raise Mismatch(f'parsing time "{value}" as "{layout}": cannot parse "{value[at:]}" as "{name}"')
        at = found.end()
    if at != len(value):
        raise Mismatch(f'parsing time "{value}": extra text: "{value[at:]}"')


def _out_of_range(value: str) -> str:
    bounds = (("month", 5, 12, 1), ("hour", 11, 23, 0), ("minute", 14, 59, 0), ("second", 17, 59, 0))
    for name, start, high, low in bounds:
        if not low <= int(value[start : start + 2]) <= high:
            return name
    return "day"


_INT32, _INT64 = _integer(32), _integer(64)
_INT32_COERCION = _integer_coercion(32)

# Python type that the JSON value must have, and what then checks it; None: nothing to check.
CHECKS: dict[str, tuple[type, Callable[[Any], Any] | None]] = {
    "string": (str, None),
    "boolean": (bool, None),
    "int32": (int, _INT32),
    "int64": (int, _INT64),
    "double": (float, None),
    "bytes": (str, _base64),
    "quantity": (str, _quantity),
    "int-or-string": (str, None),
    "time": (str, _time_check(_TIME_LAYOUT, meta.format_time)),
    "micro-time": (str, _time_check(_MICRO_LAYOUT, meta.format_micro_time)),
}
# By format where the type has several, else by type.
COERCIONS: dict[str, Callable[[Any], Any]] = {
    "int32": _INT32_COERCION,
    "int64": _integer_coercion(64),
    "double": _number_coercion,
    "quantity": _quantity_coercion,
    "int-or-string": _int_or_string_coercion,
}
GO_TYPES = {
    "string": "string",
    "boolean": "bool",
    "int32": "int32",
    "int64": "int64",
    "double": "float64",
    "bytes": "[]uint8",
    "quantity": "resource.Quantity",
    "int-or-string": "intstr.IntOrString",
    "time": "string",
    "micro-time": "string",
    "any": "runtime.RawExtension",
}
