"""YAML to JSON trees and back, as kubectl and the API server do (sigs.k8s.io/yaml over yaml.v2).

Plain scalars are resolved by yaml.v2's rules: YAML 1.1 booleans (yes, on ...), octal and hexadecimal integers, but no
base-60 numbers and no dates. Keys become strings. Only the first document counts. Trees are built from libyaml's
events, so depth and the growth by aliases are bounded before anything is built. Called through jsonio.py for
application/yaml; everything that reading raises is a BadRequest.
"""

import json
import math
import re
from typing import Any

import yaml

from sampan.machinery.errors import BadRequest
from sampan.machinery.places import LIMIT, Place, note
from sampan.machinery.tree import MAX_DEPTH, deep_copy

MAX_VALUES = 300_000  # in one tree, aliases followed; as many take about half a second to build

_BOOLEANS = {
    form: truth
    for truth, words in ((True, ("y", "yes", "true", "on")), (False, ("n", "no", "false", "off")))
    for word in words
    for form in (word, word.capitalize(), word.upper())
}
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_INFINITIES = {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf}
_INTEGER = re.compile(r"[-+]?(?:0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_MAX_DIGITS = 400
_SHOWN = 256  # characters of a key in a message
_TAG = "tag:yaml.org,2002:"


def parse_yaml(body: bytes) -> Any:
    """The JSON value of the first document; null for an empty one. Raises BadRequest."""
    return parse_yaml_strict(body)[0]


def parse_yaml_strict(body: bytes) -> tuple[Any, list[str]]:
    """The JSON value of the first document and the paths of fields that it has twice, the first hundred. Raises
    BadRequest."""
    builder = _Builder(body)
    return _document(builder), builder.duplicates


def parse_yaml_told(body: bytes) -> tuple[Any, list[str]]:
    """The JSON value of the first document and what go-yaml says of each key that a map has twice, the first hundred.
    Raises BadRequest."""
    builder = _Builder(body)
    return _document(builder), builder.repeated


def _document(builder: "_Builder") -> Any:
    try:
        return builder.document()
    except yaml.MarkedYAMLError as error:
        raise _error(f"{_line(error)}{error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _error(str(error).partition("\n")[0]) from None


def _line(error: yaml.MarkedYAMLError) -> str:
    """Where go-yaml says that it is: lines count from 0, but from 1 in the scanner, and the first is not named."""
    problem, context = (mark.line if mark else 0 for mark in (error.problem_mark, error.context_mark))
    if problem:
        return f"line {problem + isinstance(error, yaml.scanner.ScannerError)}: "
    return f"line {context}: " if context else ""


def _error(text: str) -> BadRequest:
    return BadRequest(f"error converting YAML to JSON: yaml: {text}")


class _Builder:
    """Builds the tree of the first document, one event at a time."""

    def __init__(self, body: bytes) -> None:
        self.duplicates: list[str] = []
        self.repeated: list[str] = []
        self._events = yaml.parse(body, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, Any] = {}
        self._left = MAX_VALUES

    def document(self) -> Any:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                return self._value(next(self._events), None, 1)
        return None

    def _value(self, event: yaml.Event, place: Place, depth: int) -> Any:
        self._spend(1)
        if depth > MAX_DEPTH:
            raise _error("exceeded max depth")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", depth)
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(place, depth)
        else:
            value = self._mapping(place, depth)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = value
        return value

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _error("document contains excessive aliasing" if self._anchors else "document has too many values")

    def _alias(self, anchor: str, depth: int) -> Any:
        if anchor not in self._anchors:
            raise _error(f"unknown anchor '{anchor}' referenced")
        value = self._anchors[anchor]
        self._spend(_size(value, depth))
        return deep_copy(value)

    def _sequence(self, place: Place, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (place, len(items)), depth + 1))
        return items

    def _mapping(self, place: Place, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            first = next(self._events)
            value = self._value(first, (place, key), depth + 1)
            if key == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
                _merge(merged, value)
                continue
            if key in result:
                note(self.duplicates, (place, key))
                if len(self.repeated) < LIMIT:
                    line = first.start_mark.line + 1 if first.start_mark else 0
                    self.repeated.append(f"line {line}: key {json.dumps(key[:_SHOWN])} already set in map")
            result[key] = value
        return {**merged, **result}

    def _key(self, event: yaml.Event) -> str:
        """A map key as sigs.k8s.io/yaml writes it in JSON."""
        value = None
        if isinstance(event, (yaml.AliasEvent, yaml.ScalarEvent)):
            value = self._value(event, None, 1)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (str, int, float)):
            return str(value)
        raise _error("invalid map key")


def _merge(into: dict[str, Any], value: Any) -> None:
    """The fields that `<<` brings in; the first of several maps wins."""
    for source in value if isinstance(value, list) else [value]:
        if not isinstance(source, dict):
            raise _error("map merge requires map or sequence of maps as the value")
        for key, item in source.items():
            into.setdefault(key, item)


def _size(value: Any, depth: int) -> int:
    """How many values a tree has that is to stand at a depth."""
    if depth > MAX_DEPTH:
        raise _error("exceeded max depth")
    if isinstance(value, (dict, list)):
        return 1 + sum(_size(item, depth + 1) for item in (value.values() if isinstance(value, dict) else value))
    return 1


def _scalar(event: yaml.ScalarEvent) -> Any:
    text: str = event.value
    tag = event.tag.removeprefix(_TAG) if event.tag else ""
    if tag == "binary":
        return "".join(text.split())
    if tag in ("int", "float", "bool", "null") or (not tag and event.implicit[0]):
        return resolve(text)
    return text


def resolve(text: str) -> Any:
    """The value of a plain scalar."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] in "+-.0123456789" and len(text) <= _MAX_DIGITS:
        return _number(text)
    return text


def _number(text: str) -> Any:
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        return _integer(plain)
    if _FLOAT.fullmatch(plain):
        return _float(plain)
    if text.lower() in _INFINITIES or text.lower() == ".nan":
        raise _error(f"json: unsupported value: {text}")
    return text


def _float(plain: str) -> Any:
    number = float(plain)
    if math.isinf(number):
        return plain  # to yaml.v2, what no float64 holds is a string
    # Go writes 1e3 to JSON as 1000, so that it then is an integer.
    return int(number) if number.is_integer() and -(2**63) <= number < 2**64 else number


def _integer(plain: str) -> Any:
    sign = -1 if plain[0] == "-" else 1
    digits = plain.lstrip("+-")
    if digits[:2].lower() in ("0x", "0b", "0o"):
        number = int(digits, 0)
    else:
        number = int(digits, 8 if len(digits) > 1 and digits[0] == "0" else 10)
    # yaml.v2 keeps what 64 bits hold and makes a float of the rest.
    if -(2**63) <= sign * number < 2**64:
        return sign * number
    return _float(plain) if _FLOAT.fullmatch(plain) else plain


class _Dumper(yaml.CSafeDumper):
    """Quotes every string that would be read back as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.rstrip("\n") or text.endswith("\n") else None
    if style is None and not (isinstance(_resolved(text), str) and _plain_everywhere(dumper, text)):
        style = '"'
    return dumper.represent_scalar(_TAG + "str", text, style=style)


def _plain_everywhere(dumper: _Dumper, text: str) -> bool:
    """Whether YAML 1.1 readers take a plain text for a string: no date, no base-60 number."""
    tag = dumper.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return bool(tag == _TAG + "str")


def _resolved(text: str) -> Any:
    try:
        return resolve(text)
    except BadRequest:
        return None


_Dumper.add_representer(str, _represent_text)


def dump_yaml(tree: Any) -> bytes:
    """A tree as YAML: block style, fields sorted, lists not indented, as `kubectl get -o yaml` shows it."""
    text: bytes = yaml.dump(
        tree,
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=True,
        allow_unicode=True,
        width=2**31 - 1,
        encoding="utf-8",
    )
    return text
