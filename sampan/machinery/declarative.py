"""Declared validation: the rules of a kind (rules.py) compiled to functions that say what is wrong with an object.

The functions visit only the sub-trees that have rules somewhere, in one walk; a path becomes text for an error alone.
Errors come in the order of the declaration, those of an object's own fields before those below. The status is not
visited: its writers answer to the kind's hooks. Objects within maps are not, either. Made by the catalogue, called by
apiserver/writes/write.py before the kind's hooks.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from sampan.machinery.errors import FieldError
from sampan.machinery.meta import Object
from sampan.machinery.paths import ROOT, Path, invalid, required
from sampan.machinery.places import Place, steps_of
from sampan.machinery.rules import AnyRule, FieldRules, Immutable, Required, Test, several
from sampan.machinery.schema import Definition, Field, Schema
from sampan.machinery.tree import semantic_equal

_Visit = Callable[[Object, Place, list[FieldError]], None]
_Compare = Callable[[Object, Object, Place, list[FieldError]], None]
_Rules = Mapping[str, Mapping[str, tuple[AnyRule, ...]]]
_NOTHING = object()  # equals no value
_EMPTY: Mapping[str, Any] = {"string": "", "array": [], "map": {}, "integer": 0}
_ABSENT: Object = {}  # what Go sees of an absent object that is no pointer; never changed


class Validator:
    """What the rules of one kind say of its objects. Raises ValueError where one does not fit, or is never reached."""

    def __init__(self, schema: Schema, definition: str, rules: FieldRules) -> None:
        checks = _only(rules, lambda rule: not isinstance(rule, Immutable))
        fixed = _only(rules, lambda rule: isinstance(rule, Immutable))
        self._root = definition
        self._visits: dict[str, _Visit] = {}
        self._compares: dict[str, _Compare] = {}
        for one, below in _bearing(schema, definition, checks):
            self._visits[one.name] = _visit(_checks(one, checks.get(one.name, {})), below, self._visits)
        for one, below in _bearing(schema, definition, fixed):
            self._compares[one.name] = _compare(one, fixed.get(one.name, {}), below, self._compares)

    def errors(self, obj: Object) -> list[FieldError]:
        """What is wrong with an object by itself."""
        found: list[FieldError] = []
        if visit := self._visits.get(self._root):
            visit(obj, None, found)
        return found

    def changes(self, new: Object, old: Object) -> list[FieldError]:
        """What an update changed that may not change."""
        found: list[FieldError] = []
        if compare := self._compares.get(self._root):
            compare(new, old, None, found)
        return found


class _Below(NamedTuple):
    """A field that leads to a definition with rules."""

    field: str
    ref: str
    many: bool  # a list of such objects
    pointer: bool


class _Checks(NamedTuple):
    """What one field has to obey."""

    field: str
    empty: Any  # the value that is as good as none
    missing: str | None  # the detail of the error where there is none; None: there need not be one
    tests: tuple[Test, ...]


def _only(rules: FieldRules, wanted: Callable[[AnyRule], bool]) -> _Rules:
    """The rules that are wanted."""
    found: dict[str, dict[str, tuple[AnyRule, ...]]] = {}
    for name, fields in rules.items():
        for field, some in fields.items():
            if kept := tuple(filter(wanted, several(some))):
                found.setdefault(name, {})[field] = kept
    return found


def _bearing(schema: Schema, root: str, rules: _Rules) -> Iterator[tuple[Definition, list[_Below]]]:
    """The definitions from which rules are reached, with the fields that lead there."""
    fields = _reached(schema, root) if rules else {}
    if unknown := rules.keys() - fields.keys():
        raise ValueError(f"{root} does not reach {', '.join(sorted(unknown))}")
    bearing, found = set(rules), 0
    while found != len(bearing):
        found = len(bearing)
        bearing |= {name for name, below in fields.items() if any(one.ref in bearing for one in below)}
    for name, below in fields.items():
        if name in bearing:
            yield schema.definition(name), [one for one in below if one.ref in bearing]


def _reached(schema: Schema, root: str) -> dict[str, list[_Below]]:
    """Every definition at or below a root, by its fields that hold objects."""
    found: dict[str, list[_Below]] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name not in found:
            skipped = "status" if name == root else ""
            fields = schema.definition(name).fields.items()
            found[name] = [one for field, spec in fields if field != skipped and (one := _leads(field, spec))]
            waiting += [one.ref for one in found[name]]
    return found


def _leads(field: str, spec: Field) -> _Below | None:
    inner = spec.items if spec.type == "array" and spec.items else spec
    return _Below(field, inner.ref, inner is not spec, spec.pointer) if inner.type == "object" else None


def _checks(definition: Definition, given: Mapping[str, tuple[AnyRule, ...]]) -> list[_Checks]:
    return [_check(definition, field, rules) for field, rules in given.items()]


def _check(definition: Definition, field: str, rules: tuple[AnyRule, ...]) -> _Checks:
    if (spec := definition.fields.get(field)) is None:
        raise ValueError(f"{definition.name}.{field}: no such field")
    missing = next((rule.detail for rule in rules if isinstance(rule, Required)), None)
    try:
        tests = tuple(rule.on(spec) for rule in rules if not isinstance(rule, (Required, Immutable)))
    except ValueError as error:
        raise ValueError(f"{definition.name}.{field}: {error}") from error
    empty = _NOTHING if spec.pointer else _EMPTY.get(spec.type)
    return _Checks(field, empty, missing, tests)


def _visit(own: list[_Checks], below: list[_Below], visits: Mapping[str, _Visit]) -> _Visit:
    def visit(obj: Object, place: Place, found: list[FieldError]) -> None:
        for field, empty, missing, tests in own:
            value = obj.get(field)
            if value is None or value == empty:
                if missing is not None:
                    found.append(required(_path(place).child(field), missing))
                continue
            for fails, errors in tests:
                if fails(value):
                    found.extend(errors(_path(place).child(field), value))
        for field, ref, many, pointer in below:
            value = obj.get(field)
            if many:
                for index, item in enumerate(value or ()):
                    visits[ref](item, ((place, field), index), found)
            elif value is not None:
                visits[ref](value, (place, field), found)
            elif not pointer:
                visits[ref](_ABSENT, (place, field), found)

    return visit


def _compare(
    definition: Definition,
    given: Mapping[str, tuple[AnyRule, ...]],
    below: list[_Below],
    compares: Mapping[str, _Compare],
) -> _Compare:
    if below_lists := [one.field for one in below if one.many]:
        raise ValueError(f"{definition.name}.{below_lists[0]}: items of lists cannot be told to be immutable")
    details = [(field, rule.detail) for field, rules in given.items() for rule in rules if isinstance(rule, Immutable)]

    def compare(new: Object, old: Object, place: Place, found: list[FieldError]) -> None:
        for field, detail in details:
            if not semantic_equal(new.get(field), old.get(field)):
                found.append(invalid(_path(place).child(field), new.get(field), detail))
        for field, ref, _, _ in below:
            after, before = new.get(field), old.get(field)
            if after or before:
                compares[ref](after or _ABSENT, before or _ABSENT, (place, field), found)

    return compare


def _path(place: Place) -> Path:
    path = ROOT
    for step in steps_of(place):
        path = path.index(step) if isinstance(step, int) else path.child(step)
    return path
