"""Type defaults: what an absent field of a type becomes, declared by kinds, compiled to closures.

    Kind(..., defaults={"io.k8s.api.core.v1.Container": {"terminationMessagePath": "/dev/termination-log",
                                                         "imagePullPolicy": pull_policy}},
         default_functions={"io.k8s.api.core.v1.PodSpec": sync_service_account})

A default is a value or a function of the parent object that returns a value or None (leave absent). A parent gets its
defaults before what is below it, so that a default may bring a sub-object into being that then gets its own. The
compiled closures visit only sub-trees that have defaults somewhere. Last come the fields that Go writes whatever they
hold (`resources: {}` of a container), so that objects look as upstream's do. Defaults that depend on the whole object
are `ServedVersion.default`. Made by the catalogue, called by codec.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sampan.machinery.meta import Object
from sampan.machinery.schema import Definition, Field, Schema, zero
from sampan.machinery.tree import deep_copy

Default = Any  # a JSON value, or Callable[[Object], Any] given the parent
DefaultFunction = Callable[[Object], None]  # changes an object of a definition in place, after its field defaults
FieldDefaults = Mapping[str, Mapping[str, Default]]  # definition -> field -> default


class Defaulters:
    """The defaulting functions of one schema's definitions, each compiled once."""

    def __init__(
        self,
        schema: Schema,
        values: Iterable[FieldDefaults],
        functions: Iterable[Mapping[str, DefaultFunction]] = (),
    ) -> None:
        """Raises ValueError where a field has two defaults, or does not exist."""
        self._schema = schema
        self._values = _merged(schema, values)
        self._functions = {name: function for mapping in functions for name, function in mapping.items()}
        self._compiled: dict[str, DefaultFunction | None] = {}

    def of(self, name: str) -> DefaultFunction | None:
        """The function that gives an object of a definition, and all below it, its defaults; None if there are none."""
        if name not in self._compiled:
            if not self._reaches_defaults(name, set()):
                self._compiled[name] = None
            else:
                self._compiled[name] = self._later(name)  # what a recursive definition finds while it is being compiled
                self._compiled[name] = self._compile(name)
        return self._compiled[name]

    def _later(self, name: str) -> DefaultFunction:
        def visit(obj: Object) -> None:
            compiled = self._compiled[name]
            if compiled is not None:
                compiled(obj)

        return visit

    def _reaches_defaults(self, name: str, seen: set[str]) -> bool:
        if name in seen:
            return False
        seen.add(name)
        definition = self._schema.definition(name)
        if name in self._values or name in self._functions or _written(definition):
            return True
        return any(self._reaches_defaults(ref, seen) for ref in map(_ref, definition.fields.values()) if ref)

    def _compile(self, name: str) -> DefaultFunction:
        definition, given = self._schema.definition(name), self._values.get(name, {})
        constants = [(f, v, _unset(definition.fields[f])) for f, v in given.items() if not callable(v)]
        computed = [(f, v, _unset(definition.fields[f])) for f, v in given.items() if callable(v)]
        function = self._functions.get(name)
        written = _written(definition)
        below = [(f, visit) for f, spec in definition.fields.items() if (visit := self._visitor(spec))]

        def default(obj: Object) -> None:
            for field, value, unset in constants:
                if field not in obj or obj[field] == unset:
                    obj[field] = deep_copy(value)
            for field, compute, unset in computed:
                if (field not in obj or obj[field] == unset) and (value := compute(obj)) is not None:
                    obj[field] = value
            if function is not None:
                function(obj)
            for field, value in written:
                if field not in obj:
                    obj[field] = {} if value == {} else value
            for field, visit in below:
                if obj.get(field) is not None:
                    visit(obj[field])

        return default

    def _visitor(self, field: Field) -> Callable[[Any], None] | None:
        if field.type == "object":
            return self.of(field.ref)
        if field.items is None:
            return None
        visit = self._visitor(field.items)
        if visit is None:
            return None
        return _each_item(visit) if field.type == "array" else _each_value(visit)


def _unset(field: Field) -> Any:
    """The value that is as good as none: of a text that is no pointer in Go, the empty one."""
    return "" if field.type == "string" and not field.pointer else _NOTHING


_NOTHING = object()


def _merged(schema: Schema, given: Iterable[FieldDefaults]) -> dict[str, dict[str, Default]]:
    """All defaults together. Several kinds may give the same ones for what they share."""
    found: dict[str, dict[str, Default]] = {}
    for mapping in given:
        for name, fields in mapping.items():
            known, mine = schema.definition(name).fields, found.setdefault(name, {})
            for field, default in fields.items():
                if field not in known or (field in mine and mine[field] != default):
                    raise ValueError(f"{name}.{field}: {'has another default' if field in mine else 'no such field'}")
                mine[field] = default
    return found


def _ref(field: Field) -> str:
    """The definition at the end of lists and maps, or ""."""
    while field.items:
        field = field.items
    return field.ref if field.type == "object" else ""


def _written(definition: Definition) -> list[tuple[str, Any]]:
    """The fields of a definition that Go always writes, with their zero values; lists and maps are left absent."""
    return [
        (name, zero(field))
        for name, field in definition.fields.items()
        if field.always and field.type not in ("array", "map", "any")
    ]


def _each_item(visit: Callable[[Any], None]) -> Callable[[Any], None]:
    def visit_all(items: list[Any]) -> None:
        for item in items:
            visit(item)

    return visit_all


def _each_value(visit: Callable[[Any], None]) -> Callable[[Any], None]:
    def visit_all(items: dict[str, Any]) -> None:
        for item in items.values():
            visit(item)

    return visit_all
