"""The declared type of a built-in object, from the field schema (machinery/schema.py), to check policies' expressions.

For checking only: expressions on built-in objects are evaluated on dyn values, as upstream does. Fields are looked up
when they are asked for, since definitions refer to each other in circles. Called by admission's type checking.
Upstream: apiserver pkg/admission/plugin/policy/validating/typechecking.go.
"""

from collections.abc import Iterator, Mapping

from sampan.machinery.cel.escaping import escape
from sampan.machinery.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Declaration,
    DeclaredField,
    Type,
    list_of,
    map_of,
    struct,
)
from sampan.machinery.schema import Field, Schema

_SCALARS = {
    "string": STRING,
    "bytes": BYTES,
    "boolean": BOOL,
    "integer": INT,
    "number": DOUBLE,
    "time": TIMESTAMP,
    "micro-time": TIMESTAMP,
}


def declare_definition(schema: Schema, definition: str, name: str) -> Declaration:
    """The declaration of a definition; `name` is how errors call the type: `Deployment`, below it `Deployment.spec`."""
    return _typed(struct(name), _Fields(schema, definition, name))


def _typed(type_: Type, fields: Mapping[str, DeclaredField] | None = None) -> Declaration:
    made = Declaration(fields=fields if fields is not None else {})
    made.type = Type(type_.kind, type_.name, type_.parameters, made)
    return made


class _Fields(Mapping[str, DeclaredField]):
    """The fields of a definition, by the names that CEL has for them."""

    def __init__(self, schema: Schema, definition: str, name: str) -> None:
        self._schema, self._name = schema, name
        self._definition = schema.definition(definition)
        self._keys = {escaped: key for key in self._definition.fields if (escaped := escape(key)) is not None}
        self._made: dict[str, DeclaredField] = {}

    def __getitem__(self, name: str) -> DeclaredField:
        if name not in self._made:
            key = self._keys[name]
            declared = _declare(self._schema, self._definition.fields[key], f"{self._name}.{name}")
            self._made[name] = DeclaredField(key, declared)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _declare(schema: Schema, field: Field, name: str) -> Declaration:
    if field.type == "object":
        return declare_definition(schema, field.ref, name)
    if field.type == "array" and field.items is not None:
        item = _declare(schema, field.items, f"{name}.@idx")
        made = _typed(list_of(item.type))
        made.item = item
        return made
    if field.type == "map" and field.items is not None:
        item = _declare(schema, field.items, f"{name}.@elem")
        made = _typed(map_of(STRING, item.type))
        made.item, made.key = item, _typed(STRING)
        return made
    # Quantities and int-or-strings are of more than one type.
    return _typed(_SCALARS.get(field.type, DYN))
