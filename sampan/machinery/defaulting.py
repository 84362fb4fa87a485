"""Type defaults: what an absent field of a type becomes, declared by kinds, compiled to closures.

    register_defaults({"io.k8s.api.core.v1.Container": {"terminationMessagePath": "/dev/termination-log",
                                                        "imagePullPolicy": pull_policy}})
    register_default_function("io.k8s.api.core.v1.PodSpec", host_ports)

A default is a value or a function of the parent object that returns a value or None (leave absent). A parent gets its
defaults before what is below it, so that a default may bring a sub-object into being that then gets its own. The
compiled closures visit only sub-trees that have defaults somewhere. Last come the fields that Go writes whatever they
hold (`resources: {}` of a container), so that objects look as upstream's do. Defaults that depend on the whole object
are `ServedVersion.default`. Called by kinds (register) and codec (compile).
"""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.machinery.schema import Definition, Field, Schema, load, zero
from sampan.machinery.tree import deep_copy

Object = dict[str, Any]
Default = Any  # a JSON value, or Callable[[Object], Any] given the parent
DefaultFunction = Callable[[Object], None]

_values: dict[str, dict[str, Default]] = {}
_functions: dict[str, list[DefaultFunction]] = {}
_compiled: dict[str, DefaultFunction | None] = {}


def register_defaults(defaults: Mapping[str, Mapping[str, Default]]) -> None:
    """Declare defaults by definition and field; raises ValueError for a field that has one or does not exist."""
    schema = load()
    for name, fields in defaults.items():
        _check_open(name)
        known, mine = schema.definition(name).fields, _values.setdefault(name, {})
        for field, default in fields.items():
            if field in mine or field not in known:
                raise ValueError(f"{name}.{field}: {'has a default' if field in mine else 'no such field'}")
            mine[field] = default


def register_default_function(name: str, function: DefaultFunction) -> None:
    """Declare a function that changes an object of a definition in place, after its field defaults."""
    _check_open(name)
    _functions.setdefault(name, []).append(function)


def _check_open(name: str) -> None:
    if name in _compiled:
        raise RuntimeError(f"defaults of {name} are declared after they have been compiled")


def defaulter(name: str) -> DefaultFunction | None:
    """The function that gives an object of a definition, and all below it, its defaults; None if there are none."""
    if name not in _compiled:
        if not _reaches_defaults(load(), name, set()):
            _compiled[name] = None
        else:
            _compiled[name] = _later(name)  # what a recursive definition finds while it is being compiled
            _compiled[name] = _compile(name)
    return _compiled[name]


def _later(name: str) -> DefaultFunction:
    def visit(obj: Object) -> None:
        compiled = _compiled[name]
        if compiled is not None:
            compiled(obj)

    return visit


def _reaches_defaults(schema: Schema, name: str, seen: set[str]) -> bool:
    if name in seen:
        return False
    seen.add(name)
    if name in _values or name in _functions or _written(schema.definition(name)):
        return True
    return any(
        _reaches_defaults(schema, ref, seen) for ref in map(_ref, schema.definition(name).fields.values()) if ref
    )


def _ref(field: Field) -> str:
    """The definition at the end of lists and maps, or ""."""
    while field.items:
        field = field.items
    return field.ref if field.type == "object" else ""


def _compile(name: str) -> DefaultFunction:
    definition = load().definition(name)
    constants = [(f, v) for f, v in _values.get(name, {}).items() if not callable(v)]
    computed = [(f, v) for f, v in _values.get(name, {}).items() if callable(v)]
    functions = tuple(_functions.get(name, ()))
    written = _written(definition)
    below = [(f, visit) for f, spec in definition.fields.items() if (visit := _visitor(spec))]

    def default(obj: Object) -> None:
        for field, value in constants:
            if field not in obj:
                obj[field] = deep_copy(value)
        for field, function in computed:
            if field not in obj and (value := function(obj)) is not None:
                obj[field] = value
        for function in functions:
            function(obj)
        for field, value in written:
            if field not in obj:
                obj[field] = {} if value == {} else value
        for field, visit in below:
            if obj.get(field) is not None:
                visit(obj[field])

    return default


def _written(definition: Definition) -> list[tuple[str, Any]]:
    """The fields of a definition that Go always writes, with their zero values; lists and maps are left absent."""
    return [
        (name, zero(field))
        for name, field in definition.fields.items()
        if field.always and field.type not in ("array", "map", "any")
    ]


def _visitor(field: Field) -> Callable[[Any], None] | None:
    if field.type == "object":
        return defaulter(field.ref)
    if field.items is None:
        return None
    visit = _visitor(field.items)
    if visit is None:
        return None
    return _each_item(visit) if field.type == "array" else _each_value(visit)


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
