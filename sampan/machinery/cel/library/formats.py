"""Named formats: `format.dns1123Label().validate(text)` is optional.none() or what is wrong with the text.

Upstream: apiserver pkg/cel/library/format.go.
"""

from collections.abc import Callable, Mapping

from sampan.machinery import names
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.values import NONE, Extension, Optional
from sampan.machinery.structural.formats import check_of
from sampan.machinery.urls import is_request_uri

_SINCE = (1, 31)
Validate = Callable[[str], list[str]]


class NamedFormat(Extension):
    """A format; `largest_pattern` is what a check is taken to cost."""

    __slots__ = ("label", "largest_pattern", "validate")
    name = "kubernetes.NamedFormat"

    def __init__(self, label: str, validate: Validate, largest_pattern: int) -> None:
        self.label, self.validate, self.largest_pattern = label, validate, largest_pattern

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedFormat) and self.label == other.label

    def __hash__(self) -> int:
        return hash(self.label)


def _prefix(validate: Validate) -> Validate:
    """Of a name to which more will be appended: a dash may come last."""
    return lambda text: validate(f"{text[:-1]}a" if len(text) > 1 and text.endswith("-") else text)


def _predicate(name: str, wrong: str) -> Validate:
    holds = check_of(name)
    assert holds is not None
    return lambda text: [] if holds(text) else [wrong]


def _uri(text: str) -> list[str]:
    if is_request_uri(text):
        return []
    reason = "empty url" if not text else "invalid URI for request"
    return [f'parse "{text}": {reason}']


_ALL: tuple[tuple[str, str, Validate, int], ...] = (
    ("dns1123Label", "DNS1123Label", names.dns_label, 30),
    ("dns1123Subdomain", "DNS1123Subdomain", names.dns_subdomain, 60),
    ("dns1035Label", "DNS1035Label", names.dns_1035_label, 30),
    ("qualifiedName", "QualifiedName", names.qualified_name, 60),
    ("dns1123LabelPrefix", "DNS1123LabelPrefix", _prefix(names.dns_label), 30),
    ("dns1123SubdomainPrefix", "DNS1123SubdomainPrefix", _prefix(names.dns_subdomain), 60),
    ("dns1035LabelPrefix", "DNS1035LabelPrefix", _prefix(names.dns_1035_label), 30),
    ("labelValue", "LabelValue", names.label_value, 40),
    ("uri", "URI", _uri, 1103),
    ("uuid", "uuid", _predicate("uuid", "does not match the UUID format"), 72),
    ("byte", "byte", _predicate("byte", "invalid base64"), 84),
    ("date", "date", _predicate("date", "invalid date"), 70),
    ("datetime", "datetime", _predicate("datetime", "invalid datetime"), 70),
)
_FORMATS: Mapping[str, NamedFormat] = {name: NamedFormat(label, check, size) for name, label, check, size in _ALL}


def _validate(format_: NamedFormat, text: str) -> Optional:
    wrong = format_.validate(text)
    return Optional(wrong) if wrong else NONE


def _named(name: str) -> Optional:
    found = _FORMATS.get(name)
    return Optional(found) if found else NONE


def _constant(value: NamedFormat) -> Callable[[], NamedFormat]:
    return lambda: value


_T = "kubernetes.NamedFormat"
FORMATS = Library(
    "format",
    (
        *(overload(f"format.{name}() -> {_T}", _constant(value), since=_SINCE) for name, value in _FORMATS.items()),
        overload(f"format.named(string) -> optional({_T})", _named, since=_SINCE),
        overload(f"{_T}.validate(string) -> optional(list(string))", _validate, since=_SINCE),
    ),
)
