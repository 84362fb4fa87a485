"""Reading a JSON tree as a type of the schema: types checked, nulls dropped, quantities and times made canonical.

`Readers.of(definition)` is a closure over the definition's fields, compiled when it is first called; it changes the
tree in place in one pass. Unknown fields are only noticed here (`State.unknown`); strict.py finds and prunes them, on
the rare path. What is accepted, what is dropped and the error texts are those of Go's encoding/json on Kubernetes's
types, as sigs.k8s.io/json has them: null is absent, an empty value of an `omitempty` field is not written back.

Called by codec.py only. Scalars with a syntax of their own are in scalars.py.
"""

from collections.abc import Callable
from typing import Any

from sampan.machinery import scalars, strict
from sampan.machinery.meta import Object
from sampan.machinery.scalars import Mismatch
from sampan.machinery.schema import Definition, Field, zero


class State:
    """What one pass leaves behind."""

    __slots__ = ("unknown",)

    def __init__(self) -> None:
        self.unknown = False  # whether a field was met that its type does not have


# Takes a value of the rule's Python type, changes or replaces it; raises Mismatch.
Reader = Callable[[Any, State], Any]

# Python type that JSON must have; what then reads it (None: nothing to do); whether an empty value is dropped;
# what reads any other JSON value (never null).
Rule = tuple[type, Reader | None, bool, Callable[[Any], Any]]


class Readers:
    """The reading functions of one schema's definitions, each compiled once."""

    def __init__(self) -> None:
        self._made: dict[str, Reader] = {}

    def of(self, definition: Definition) -> Reader:
        """The function that reads an object of a definition; raises Mismatch with the path of the field."""
        found = self._made.get(definition.name)
        if found is None:
            found = self._made[definition.name] = _reader_of(definition, self)
        return found


def _reader_of(definition: Definition, readers: Readers) -> Reader:
    rules: dict[str, Rule] = {}
    go_name = definition.go_name

    def read(obj: Object, state: State) -> Object:
        if not rules:
            rules.update((field, _rule(spec, readers)) for field, spec in definition.fields.items())
        gone: list[str] = []
        key = ""
        try:
            for key, item in obj.items():
                rule = rules.get(key)
                if rule is None:
                    state.unknown = True
                    continue
                wanted, convert, omit_empty, coerce = rule
                if type(item) is wanted:
                    if convert is not None and (read := convert(item, state)) is not item:
                        obj[key] = item = read
                    if omit_empty and not item:
                        gone.append(key)
                elif item is None:
                    gone.append(key)
                else:
                    obj[key] = coerce(item)
        except Mismatch as error:
            error.under(go_name, key)
            raise
        for key in gone:
            del obj[key]
        return obj

    return read


def _rule(field: Field, readers: Readers) -> Rule:
    """How a field's value is read."""
    kept = field.required or field.pointer or field.always or field.type in ("object", "any")
    if field.type == "any":
        return _NoType, None, False, _union(field, readers) or _unchanged
    wanted, convert = _reader(field, readers)
    return wanted, convert, not kept, _coercion(field)


class _NoType:
    """No JSON value has this type, so that every one is passed on as it is."""


# Types that are a JSON schema or something else: what else. Their Go types read JSON themselves.
_UNIONS: dict[str, type] = {
    "JSONSchemaPropsOrBool": bool,
    "JSONSchemaPropsOrArray": list,
    "JSONSchemaPropsOrStringArray": list,
}


def _union(field: Field, readers: Readers) -> Callable[[Any], Any] | None:
    """How a value is read that is a schema or something else; unknown fields in it go without a word, as upstream's."""
    name = field.ref.rpartition(".")[2]
    if name not in _UNIONS or field.schema is None:
        return None
    definition = field.schema.definition(field.ref.removesuffix(name) + "JSONSchemaProps")

    def read_schema(value: Any) -> Any:
        state = State()
        try:
            read = readers.of(definition)(value, state)
        except Mismatch as error:
            raise Mismatch(str(error)) from None
        if state.unknown:
            strict.prune(read, definition)
        return read

    def read(value: Any) -> Any:
        if type(value) is dict:
            return read_schema(value)
        if type(value) is list and name == "JSONSchemaPropsOrArray":
            return [read_schema(item) if type(item) is dict else item for item in value]
        if type(value) is not _UNIONS[name] and name == "JSONSchemaPropsOrBool":
            raise Mismatch("boolean or JSON schema expected")
        return value if type(value) is _UNIONS[name] else None

    return read


def _unchanged(value: Any) -> Any:
    return value


def _reader(field: Field, readers: Readers) -> tuple[type, Reader | None]:
    if field.type == "object":
        return dict, readers.of(field.definition)
    if field.type in ("array", "map"):
        assert field.items is not None
        each = _items if field.type == "array" else _values
        return (list if field.type == "array" else dict), each(field.items, readers)
    wanted, check = scalars.CHECKS[field.format or field.type]
    if check is None:
        return wanted, None
    found = check
    return wanted, lambda value, state: found(value)


def _coercion(field: Field) -> Callable[[Any], Any]:
    """What makes of a value that has not the Python type of the field: another spelling, or a Mismatch."""
    if coercion := scalars.COERCIONS.get(field.format or field.type):
        return coercion
    shown = go_type(field)

    def refuse(value: Any) -> Any:
        raise Mismatch.of(value, shown)

    return refuse


def _items(field: Field, readers: Readers) -> Reader:
    wanted, convert, _, coerce = _rule(field, readers)

    def read(items: list[Any], state: State) -> list[Any]:
        for index, item in enumerate(items):
            if type(item) is wanted:
                if convert is not None and (new := convert(item, state)) is not item:
                    items[index] = new
            else:
                items[index] = zero(field) if item is None else coerce(item)
        return items

    return read


def _values(field: Field, readers: Readers) -> Reader:
    wanted, convert, _, coerce = _rule(field, readers)

    def read(items: Object, state: State) -> Object:
        for key, item in items.items():
            if type(item) is wanted:
                if convert is not None and (new := convert(item, state)) is not item:
                    items[key] = new
            else:
                items[key] = zero(field) if item is None else coerce(item)
        return items

    return read


def go_type(field: Field) -> str:
    """The Go type of a field, as error messages show it."""
    if field.go_type:
        return field.go_type
    if field.type == "object":
        return field.definition.go_type
    if field.items is not None:
        return ("[]" if field.type == "array" else "map[string]") + go_type(field.items)
    return scalars.GO_TYPES[field.format or field.type]
