"""The fields of protobuf messages, as data/protobuf.json has them (tools/protobuf.py writes it).

One line of the file is one message: field numbers, and for each a name and a type in a small language.

    name        the name in JSON       name!    an empty value is written in JSON (Go: a pointer, or no omitempty)
    +name       none in JSON: what it holds belongs to the message that has it (Go: inline)
    []T, {}T    repeated; a map from strings
    T           string bytes bool int32 int64 double; a message of the same package, or with its package
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

META = "io.k8s.apimachinery.pkg.apis.meta.v1"

_DATA = Path(__file__).parent.parent / "data" / "protobuf.json"
_META_GROUP = "meta.k8s.io"
_SCALARS = frozenset(("string", "bytes", "bool", "int32", "int64", "double"))
# Where the messages of groups lie that are not in k8s.io/api.
_PACKAGES = {
    "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    "apiregistration.k8s.io": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
    _META_GROUP: "io.k8s.apimachinery.pkg.apis.meta",
}
# Registered in every group and version.
_OF_META = frozenset(
    {"DeleteOptions", "Status", "ListOptions", "CreateOptions", "PatchOptions", "UpdateOptions", "GetOptions"}
)
# Kinds of v1 that lie beside it, in meta/v1; and the metadata alone, which has one type in both versions.
_BESIDE_CORE = frozenset({"APIVersions", "APIGroup", "APIGroupList", "APIResourceList"})
_ALIASES = {"io.k8s.apimachinery.pkg.apis.meta.v1beta1.PartialObjectMetadata": f"{META}.PartialObjectMetadata"}


class Field(NamedTuple):
    """A field of a message."""

    number: int
    name: str  # in JSON
    type: str  # a scalar, or the full name of a message
    many: str = ""  # [] repeated, {} map
    inline: bool = False
    kept: bool = False  # where it is empty

    @property
    def is_scalar(self) -> bool:
        """Whether the type is no message."""
        return self.type in _SCALARS


def message_of(api_version: str, kind: str) -> str | None:
    """The message of a kind; None where there is none, as for custom resources."""
    group, _, version = api_version.rpartition("/")
    if kind in _OF_META or (kind in _BESIDE_CORE and api_version in ("", "v1")):
        return f"{META}.{kind}"
    package = _PACKAGES.get(group) or f"io.k8s.api.{group.partition('.')[0] or 'core'}"
    name = f"{package}.{version}.{kind}"
    name = _ALIASES.get(name, name)
    return name if name in _lines() else None


def fields_of(message: str) -> tuple[Field, ...]:
    """The fields of a message, by number; raises KeyError."""
    package = message.rpartition(".")[0]
    found = json.loads(_lines()[message])
    return tuple(sorted(_field(int(number), text, package) for number, text in found.items()))


def inline_names(message: str) -> frozenset[str]:
    """The names that a message gives to one that has it inline."""
    return frozenset(name for field in fields_of(message) for name in names_of(field))


def names_of(field: Field) -> frozenset[str]:
    """The names in JSON under which a field's values lie."""
    return inline_names(field.type) if field.inline and not field.is_scalar else frozenset((field.name,))


def _field(number: int, text: str, package: str) -> Field:
    name, _, type_ = text.partition(" ")
    many = type_[:2] if type_[:2] in ("[]", "{}") else ""
    base = type_.removeprefix(many)
    full = base if base in _SCALARS or "." in base else f"{package}.{base}"
    return Field(number, name.strip("+!"), full, many, name.startswith("+"), name.endswith("!"))


@cache
def _lines() -> Mapping[str, str]:
    lines = _DATA.read_text().splitlines()[1:-1]
    return {name[1:-1]: body.rstrip(",") for name, _, body in (line.partition(": ") for line in lines)}
