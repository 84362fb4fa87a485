"""The formats of strings that upstream checks, as predicates by name; names are looked up without their dashes.

A format that is not here is only documentation. Called by strings.py, and by the CustomResourceDefinition's warnings.
Upstream: apiextensions-apiserver/pkg/apiserver/validation/formats.go, kube-openapi/pkg/validation/strfmt. What is tried
on texts of any length is linear in them.
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from functools import cache

from sampan.machinery.structural.digits import is_credit_card, is_isbn10, is_isbn13
from sampan.machinery.structural.email import is_email
from sampan.machinery.structural.patterns import Pattern
from sampan.machinery.urls import is_request_uri

Check = Callable[[str], bool]

_NUMBER_FORMATS = {"integer": ("int32", "int64"), "number": ("float", "double")}
_HOSTNAME = (
    r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}"
    r"[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$"
)
_TIME_OF_DAY = r"([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))"
_GO_DURATION = r"[-+]?(0|((\d++\.?\d*+|\.\d++)(ns|us|µs|μs|ms|s|m|h))++)"
_TERM = re.compile(r"(?<!\d)\d++\s*+([A-Za-zµ]++)", re.ASCII)  # tried once where digits begin, not at each of them
_UNITS = re.compile(r"(?i:ns|us|µs|ms|s|m|h|hr|d|w|wk)|(?:nano|micro|milli|sec|min|hour|day|week).*")
_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_PAIR = "[0-9a-fA-F]{2}"
_MAC = (
    "|".join(f"{_PAIR}({colon}{_PAIR}){{{more}}}" for colon in (":", "-") for more in (5, 7, 19))
    + "|"
    + "|".join(rf"[0-9a-fA-F]{{4}}(\.[0-9a-fA-F]{{4}}){{{more}}}" for more in (2, 3, 9))
)
_OCTET = r"(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])"


def is_known(type_: str, format_: str) -> bool:
    """Whether a format means something for a declared type ("" for none)."""
    if type_ in ("", "string"):
        return _normal(format_) in _FORMATS
    return format_ in _NUMBER_FORMATS.get(type_, ())


def check_of(format_: str) -> Check | None:
    """The predicate of a string format; None if it has none."""
    return _FORMATS.get(_normal(format_))


def _normal(format_: str) -> str:
    return format_.replace("-", "")


def _matching(pattern: str, flags: int = 0) -> Check:
    """Compiled when it is first used: most servers never meet most formats."""
    compiled = cache(lambda: re.compile(pattern, flags | re.ASCII))
    return lambda value: compiled().fullmatch(value) is not None


@cache
def _hostname() -> Pattern:
    return Pattern(_HOSTNAME)


def _is_hostname(value: str) -> bool:
    if len(value.encode(errors="replace")) > 255:
        return False
    return _hostname().found_in(value) and all(len(part.encode(errors="replace")) <= 63 for part in value.split("."))


def _without_zeros(address: str) -> str:
    """An IPv4 address without the leading zeros that Go once allowed."""
    head, colon, tail = address.rpartition(":")
    parts = tail.split(".")
    if len(parts) != 4:
        return address
    return head + colon + ".".join(part.lstrip("0") or "0" if part.isdecimal() else part for part in parts)


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(_without_zeros(value))
    except ValueError:
        return False
    return "%" not in value


def _is_cidr(value: str) -> bool:
    address, slash, bits = value.partition("/")
    if not slash or not _is_address(address) or not re.fullmatch("[0-9]{1,3}", bits):
        return False
    return int(bits) <= ipaddress.ip_address(_without_zeros(address)).max_prefixlen


def _is_strict_ipv6(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return ":" in value and "%" not in value


def _is_date(value: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return False
    try:
        date(*(int(part) for part in value.replace("0000", "0004", 1).split("-")))
    except ValueError:
        return False
    return True


_time_of_day = re.compile(_TIME_OF_DAY, re.ASCII).fullmatch


def _is_date_time(value: str) -> bool:
    parts = value.lower().split("t")
    if len(parts) < 2 or not _is_date(parts[0]):
        return False
    found = _time_of_day(parts[1])
    return found is not None and found[1] <= "23" and found[2] <= "59" and found[3] <= "59"


_go_duration = _matching(_GO_DURATION)


def _is_duration(value: str) -> bool:
    """Go's durations, or terms as Scala writes them (`22 ns`) anywhere in a text."""
    return _go_duration(value) or any(_UNITS.fullmatch(term.lower()) for term in _TERM.findall(value))


def _short(check: Check, limit: int) -> Check:
    return lambda value: len(value) <= limit and check(value)


def _uuid(third: str = "[0-9a-f]{4}", fourth: str = "[0-9a-f]{4}") -> Check:
    return _matching(rf"[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{third}-?{fourth}-?[0-9a-f]{{12}}", re.IGNORECASE)


_FORMATS: dict[str, Check] = {
    "bsonobjectid": _matching("[0-9a-fA-F]{24}"),
    "uri": is_request_uri,
    "email": is_email,
    "hostname": _is_hostname,
    "ipv4": lambda value: "." in value and _is_address(value),
    "ipv6": _is_strict_ipv6,
    "cidr": _is_cidr,
    "mac": _matching(_MAC),
    "uuid": _uuid(),
    "uuid3": _uuid("3[0-9a-f]{3}"),
    "uuid4": _uuid("4[0-9a-f]{3}", "[89ab][0-9a-f]{3}"),
    "uuid5": _uuid("5[0-9a-f]{3}", "[89ab][0-9a-f]{3}"),
    "isbn": lambda value: is_isbn10(value) or is_isbn13(value),
    "isbn10": is_isbn10,
    "isbn13": is_isbn13,
    "creditcard": is_credit_card,
    "ssn": _matching(r"\d{3}[- ]\d{2}[- ]\d{4}"),
    "hexcolor": _matching("#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _matching(rf"rgb\(\s*{_OCTET}\s*,\s*{_OCTET}\s*,\s*{_OCTET}\s*\)"),
    "byte": _matching("([A-Za-z0-9+/]{4})*+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?<=.)"),
    "password": lambda value: True,
    "date": _is_date,
    "duration": _is_duration,
    "datetime": _is_date_time,
    "k8sshortname": _short(_matching(_NAME), 63),
    "k8slongname": _short(_matching(rf"{_NAME}(\.{_NAME})*+"), 253),
}
