"""The field schema: what fields every API type has, read from data/schema.json on demand.

One line of the file is one definition, parsed when it is first asked for. Types are written in a small language:

    string bytes boolean int32 int64 double time micro-time quantity int-or-string any
    []T   a list of T        {}T   a map from strings to T        any(NAME)   any, documented as NAME
    anything else: the name of a definition

A Schema is the data file's definitions and those that kinds add to it (`Kind.definitions`, by `derive` and `define`,
for the types of legacy versions); the catalogue makes it. Fields and definitions know their schema, so that who has one
can walk all that is below it. Not here: what values mean, defaults, validation. Read by codec, patches, apply, openapi.
`make schema` writes the file (tools/schema.py).
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Optional

_DATA = Path(__file__).parent / "data" / "schema.json"
_SCALARS = frozenset(("string", "bytes", "boolean", "time", "micro-time", "quantity", "int-or-string", "any"))
_ZEROS = {"string": "", "bytes": "", "boolean": False, "integer": 0, "number": 0, "quantity": "0", "int-or-string": 0}
_INTEGERS = {"int32": "integer", "int64": "integer", "double": "number"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field, the items of a list, or the values of a map."""

    type: str  # string integer number boolean bytes time micro-time quantity int-or-string any object array map
    ref: str = ""  # of an object: the name of its definition; of an any: what it is documented as
    items: "Field | None" = None  # of an array or map
    format: str = ""  # int32 int64 double
    required: bool = False
    list_type: str = ""  # atomic set map
    list_map_keys: tuple[str, ...] = ()
    key_defaults: tuple[tuple[str, Any], ...] | None = None  # of list_map_keys; None where no schema tells them
    patch_strategies: tuple[str, ...] = ()  # of strategic merge patch: merge, replace, retainKeys
    merge_key: str = ""
    map_type: str = ""  # atomic granular; a granular any is a tree of which every field has an owner of its own
    pointer: bool = False  # a Go pointer: an empty value differs from none and is kept
    always: bool = False  # Go writes it even where the object lacks it
    go_type: str = ""  # where it is a Go type of its own: v1.Protocol
    enum: tuple[str, ...] = ()  # of an enumerated type (or a list of one): its values, for documentation only
    schema: Optional["Schema"] = dataclasses.field(
        default=None, compare=False, repr=False
    )  # where `ref` is to be found

    @property
    def definition(self) -> "Definition":
        """The type of an object; raises KeyError where the schema lacks it."""
        assert self.schema is not None
        return self.schema.definition(self.ref)

    def within(self, schema: "Schema") -> "Field":
        """The field as part of a schema."""
        items = self.items.within(schema) if self.items else None
        if self.schema is schema and items is self.items:
            return self
        return replace(self, schema=schema, items=items)


@dataclass(frozen=True, slots=True)
class Definition:
    """A type with fields."""

    name: str  # io.k8s.api.apps.v1.DeploymentSpec
    fields: Mapping[str, Field]
    map_type: str = ""  # atomic: server-side apply never merges it
    base: str = ""  # what it was derived from
    others: Field | None = None  # what fields are that have no name here; None where there are none
    schema: Optional["Schema"] = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def as_field(self) -> Field:
        """A field of this type, as the root of a walk."""
        return Field("object", ref=self.name, schema=self.schema)

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that Go always writes."""
        return tuple(name for name, field in self.fields.items() if field.required)

    @property
    def go_name(self) -> str:
        """The Go type, as error messages show it: `DeploymentSpec`."""
        return self.name.rpartition(".")[2]

    @property
    def go_type(self) -> str:
        """The Go type with its package: `v1.DeploymentSpec`."""
        return ".".join(self.name.rsplit(".", 2)[1:])


def zero(field: Field) -> Any:
    """What Go writes for a value that was null in a list or map, or is missing where it is always written."""
    return None if field.pointer else {} if field.type == "object" else _ZEROS.get(field.type)


def parse_type(text: str, schema: Optional["Schema"] = None, **more: Any) -> Field:
    """The field that a word of the type language stands for, in a schema; `more` are further properties of it."""
    if text in _SCALARS:
        return Field(text, schema=schema, **more)
    if text in _INTEGERS:
        return Field(_INTEGERS[text], format=text, schema=schema, **more)
    if text.startswith("[]"):
        return Field("array", items=parse_type(text[2:], schema), schema=schema, **more)
    if text.startswith("{}"):
        return Field("map", items=parse_type(text[2:], schema), schema=schema, **more)
    if text.startswith("any("):
        return Field("any", ref=text[4:-1], schema=schema, **more)
    return Field("object", ref=text, schema=schema, **more)


class Schema:
    """All definitions by name. Definitions are parsed once and never change; a kind may add new ones."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        """`lines`: the JSON of each definition of the data file."""
        self._lines = lines
        self._parsed: dict[str, Definition] = {}

    def definition(self, name: str) -> Definition:
        """The definition of a name; raises KeyError."""
        found = self._parsed.get(name)
        if found is None:
            found = self._parsed[name] = _parse(name, json.loads(self._lines[name]), self)
        return found

    def _within(self, made: Definition) -> Definition:
        fields = {name: spec.within(self) for name, spec in made.fields.items()}
        return replace(made, fields=fields, schema=self)

    def __contains__(self, name: str) -> bool:
        return name in self._parsed or name in self._lines

    def names(self) -> list[str]:
        """Every name, sorted."""
        return sorted(self._lines.keys() | self._parsed.keys())

    def define(self, name: str, fields: Mapping[str, str | Field], required: Iterable[str] = ()) -> Definition:
        """Add a definition that the data file lacks; a repetition must be identical, or ValueError is raised.

        A string is a type in the module's language. `required` are the fields that Go writes even when empty.
        """
        needed = frozenset(required)
        made = {field: _field(given, field in needed, self) for field, given in fields.items()}
        return self._add(Definition(name, made))

    def derive(
        self,
        name: str,
        base: str,
        add: Mapping[str, str | Field] | None = None,
        drop: Iterable[str] = (),
        optional: Iterable[str] = (),
    ) -> Definition:
        """Add a definition that is `base` with fields added (or replaced) and dropped, as legacy versions are.

        A replaced field stays required if it was; those named `optional` do not. To change something deeper, derive the
        inner definition first and then the outer one with a field that names it.
        """
        parent = self.definition(base)
        dropped = frozenset(drop)
        fields = {field: spec for field, spec in parent.fields.items() if field not in dropped}
        for field, given in (add or {}).items():
            fields[field] = _field(given, field in fields and fields[field].required, self)
        fields |= {field: replace(fields[field], required=False) for field in optional}
        return self._add(Definition(name, fields, parent.map_type, base))

    def _add(self, made: Definition) -> Definition:
        if made.name in self._lines:
            raise ValueError(f"{made.name} is in the data file")
        known = self._parsed.setdefault(made.name, self._within(made))
        if known != made:
            raise ValueError(f"{made.name} is already defined, differently")
        return known


def _field(given: str | Field, required: bool, schema: Schema) -> Field:
    return given if isinstance(given, Field) else parse_type(given, schema, required=required)


def _parse(name: str, line: Mapping[str, Any], schema: Schema) -> Definition:
    required = frozenset(line.get("required", ()))
    fields = {field: _parse_field(given, field in required, schema) for field, given in line["fields"].items()}
    return Definition(name, fields, line.get("map", ""), schema=schema)


def _parse_field(given: str | Mapping[str, Any], required: bool, schema: Schema) -> Field:
    if isinstance(given, str):
        return parse_type(given, schema, required=required)
    return parse_type(
        given["type"],
        schema,
        required=required,
        list_type=given.get("list", ""),
        list_map_keys=tuple(given.get("keys", ())),
        patch_strategies=tuple(given["patch"].split(",")) if "patch" in given else (),
        merge_key=given.get("mergeKey", ""),
        map_type=given.get("map", ""),
        pointer=given.get("pointer", False),
        always=given.get("always", False),
        go_type=given.get("go", ""),
        enum=tuple(given.get("enum", ())),
    )


def load() -> Schema:
    """A new schema of what is in the data file."""
    return Schema(_lines())


@cache
def _lines() -> Mapping[str, str]:
    lines = _DATA.read_text().splitlines()[1:-1]
    return {name[1:-1]: body.rstrip(",") for name, _, body in (line.partition(": ") for line in lines)}
