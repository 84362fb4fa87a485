"""Quantities: `500m`, `1Gi`, `1e3`. Parsing, arithmetic, canonical form.

A quantity is an integer number of 10^-9 units and one of three formats, as k8s.io/apimachinery/pkg/api/resource has it:
finer values are rounded away from zero, so nothing that was asked for becomes nothing. Parsing is cached, because the
same few dozen texts occur in every pod of a cluster.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

FORMAT_WRONG = r"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
SUFFIX_WRONG = "unable to parse quantity's suffix"
NUMERIC_WRONG = "unable to parse numeric part of quantity"

_NANO = 10**9
_LARGEST = 2**63 - 1
_MAX_TEXT = 512  # longer than any quantity that means something; bounds the cost of big integers
_MAX_EXPONENT = 64

_SYNTAX = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)", re.ASCII)


class QuantityError(ValueError):
    """A text that is no quantity; str() is upstream's wording."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount in units of 10^-9 with the format in which it is shown."""

    nano: int
    format: Format = "DecimalSI"

    def __str__(self) -> str:
        return _canonical(self)

    def __add__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.nano + other.nano, self.format if self.nano else other.format)

    def __sub__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.nano - other.nano, self.format if self.nano else other.format)

    def value(self) -> int:
        """Whole units, rounded up."""
        return -(-self.nano // _NANO)

    def milli(self) -> int:
        """Thousandths, rounded up."""
        return -(-self.nano // 10**6)


@lru_cache(maxsize=8192)
def parse(text: str) -> Quantity:
    """The quantity that a text stands for; raises QuantityError."""
    if not text or len(text) > _MAX_TEXT or not (found := _SYNTAX.fullmatch(text)):
        raise QuantityError(FORMAT_WRONG)
    sign, whole, fraction, suffix = found[1], found[2], found[3] or "", found[4]
    if not whole and not fraction:
        raise QuantityError(NUMERIC_WRONG if "." in text else FORMAT_WRONG)
    format_, base, exponent = _suffix(suffix)
    nano = _scaled(int(whole + fraction), len(fraction), base, exponent)
    return Quantity(-nano if sign == "-" else nano, format_)


def _suffix(suffix: str) -> tuple[Format, int, int]:
    if suffix in _DECIMAL:
        return "DecimalSI", 10, _DECIMAL[suffix]
    if suffix in _BINARY:
        return "BinarySI", 2, _BINARY[suffix]
    if found := _EXPONENT.fullmatch(suffix):
        return "DecimalExponent", 10, int(found[1])
    raise QuantityError(SUFFIX_WRONG)


def _scaled(digits: int, decimals: int, base: int, exponent: int) -> int:
    """digits * 10^-decimals * base^exponent in nano-units, rounded up, at most 2^63-1 units."""
    if base == 10:
        power = max(min(exponent, _MAX_EXPONENT), -_MAX_TEXT) - decimals + 9
        numerator, denominator = (digits * 10**power, 1) if power >= 0 else (digits, 10**-power)
    else:
        numerator, denominator = (digits << exponent) * _NANO, 10**decimals
    return min(-(-numerator // denominator), _LARGEST * _NANO)


def _canonical(quantity: Quantity) -> str:
    """No fraction, the greatest suffix that leaves the number whole."""
    nano = quantity.nano
    if nano == 0:
        return "0"
    if quantity.format == "BinarySI" and nano % _NANO == 0 and abs(nano) >= 1024 * _NANO:
        return _binary_text(nano // _NANO)
    exponent = -9
    while nano % 1000 == 0 and (exponent < 18 or quantity.format == "DecimalExponent"):
        nano //= 1000
        exponent += 3
    if quantity.format == "DecimalExponent":
        return f"{nano}e{exponent}" if exponent else str(nano)
    return f"{nano}{_DECIMAL_SUFFIX[exponent]}"


def _binary_text(units: int) -> str:
    power = 0
    while units % 1024 == 0 and power < 6:
        units //= 1024
        power += 1
    return f"{units}{_BINARY_SUFFIX[power]}"


@lru_cache(maxsize=8192)
def canonical(text: str) -> str:
    """The canonical form of a quantity: "1000m" is "1"; raises QuantityError."""
    return _canonical(parse(text))


def milli(text: str | int | float) -> int:
    """Thousandths of a quantity, rounded up: "1500m" is 1500, "2" is 2000. For CPU. Raises QuantityError."""
    return parse(str(text)).milli()


def value(text: str | int | float) -> int:
    """Whole units of a quantity, rounded up: "1Ki" is 1024, "1500m" is 2. For memory. Raises QuantityError."""
    return parse(str(text)).value()


def add(left: str, right: str) -> str:
    """The canonical sum of two quantities, in the format of the first unless that is zero."""
    return str(parse(left) + parse(right))


def compare(left: str, right: str) -> int:
    """-1, 0 or 1, as the first is less than, equal to or greater than the second."""
    a, b = parse(left).nano, parse(right).nano
    return (a > b) - (a < b)
