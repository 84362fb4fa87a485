"""Validation by a schema: what of a value is wrong, as problems.

A node is compiled to one tuple of checks for each JSON type that a value can have, in upstream's order: type, junctors,
string, format, number, list, enumeration, object. A value that is right costs one look-up, and its place no text.
Children are compiled when a value first reaches them. In the branches of junctors, checks are also counted (see
junctors.py). Called by resource.py and by what validates defaults.

Upstream: kube-openapi/pkg/validation/validate, and how apiextensions-apiserver/pkg/apiserver/validation calls it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sampan.machinery import errors
from sampan.machinery.places import Place
from sampan.machinery.structural.enums import enum_check
from sampan.machinery.structural.junctors import junctor_checks
from sampan.machinery.structural.numbers import number_checks
from sampan.machinery.structural.problems import Problem, Problems
from sampan.machinery.structural.schema import Structural
from sampan.machinery.structural.strings import declared_format, string_checks
from sampan.machinery.structural.words import TYPES, Check, identity, is_whole

Plan = dict[type, tuple[Check, ...]]


def problems(value: Any, node: Structural) -> Problems:
    """What is wrong with a value."""
    found = Problems()
    for check in plan(node)[type(value)]:
        check(value, None, found)
    return found


def plan(node: Structural) -> Plan:
    """The checks of a node by the Python type of the value."""
    return node.memo("validate", lambda one: _compile(one, False))


def _counted_plan(node: Structural) -> Plan:
    return node.memo("validate-counted", lambda one: _compile(one, True))


def _compile(node: Structural, counted: bool) -> Plan:
    typed = {kind: tuple(_type_check(node, kind)) for kind in TYPES}
    common = tuple(enum_check(node))
    junctors = junctor_checks(node, _branch)
    own: dict[type, list[Check]] = {
        str: string_checks(node),
        int: (numbers := number_checks(node)),
        float: numbers,
        bool: [],
        list: list(_list_checks(node, counted)),
    }
    made: Plan = {kind: (*typed[kind], *junctors, *own[kind], *common) for kind in own}
    made[dict] = (*typed[dict], *junctors, *common, *_object_checks(node, counted))
    made[type(None)] = (*typed[type(None)], *common)
    if counted:
        made = {kind: (*checks, _count(_weight(node, kind, bool(typed[kind])))) for kind, checks in made.items()}
    return made


def _branch(node: Structural) -> Check:
    def check(value: Any, place: Place, out: Problems) -> None:
        for one in _counted_plan(node)[type(value)]:
            one(value, place, out)

    return check


def _weight(node: Structural, kind: type, type_fails: bool) -> int:
    """How many checks upstream counts for a value of a kind, those below aside."""
    typed = (1 if type_fails else 2) if node.types or declared_format(node) else 0
    if kind is type(None):
        return 0 if type_fails else 1
    applies = {str: 2 if declared_format(node) else 1, int: 2, float: 2, bool: 0, list: 2, dict: 1}
    return typed + applies[kind] + 4


def _count(weight: int) -> Check:
    def count(value: Any, place: Place, out: Problems) -> None:
        out.matches += weight

    return count


def _type_check(node: Structural, kind: type) -> Iterator[Check]:
    """The check that refuses a kind of value, if the schema does not always take it."""
    types, format_, found = node.types, declared_format(node), TYPES[kind]
    if kind is type(None):
        if types and not node.nullable:
            yield _refuse(",".join(types), found)
    elif not types and not format_:
        return
    elif kind is float and "integer" in types and "number" not in types:
        yield _unless_whole(_mismatch(types, format_, found))
    elif found not in types and not (kind is int and "number" in types) and not _passed_on(node, kind):
        yield _mismatch(types, format_, found)


def _passed_on(node: Structural, kind: type) -> bool:
    """Texts and lists are left to the format, where there is one."""
    return bool(declared_format(node)) and kind in (str, list) and not {"number", "integer"} & set(node.types)


def _mismatch(types: tuple[str, ...], format_: str, found: str) -> Check:
    """The refusal of a type; where there is a format and the value is no text, upstream speaks of formats."""
    if format_ and found not in ("string", "array"):
        return _refuse(format_, {"integer": "int64", "number": "float64"}.get(found, ""))
    return _refuse(",".join(types), found)


def _refuse(wanted: str, found: str) -> Check:
    return lambda value, place, out: out.wrong_type(place, wanted, found)


def _unless_whole(refuse: Check) -> Check:
    def check(value: float, place: Place, out: Problems) -> None:
        if not is_whole(value):
            refuse(value, place, out)

    return check


def _list_checks(node: Structural, counted: bool) -> Iterator[Check]:
    if node.items is not None:
        yield _items(node.items, counted)
    least, most = node.raw.get("minItems"), node.raw.get("maxItems")
    if least:
        yield _at_least(least, "items")
    if most is not None:
        yield _at_most(most)
    if node.raw.get("uniqueItems"):
        yield _unique


def _items(node: Structural, counted: bool) -> Check:
    compile_it = _counted_plan if counted else plan

    def check(items: list[Any], place: Place, out: Problems) -> None:
        checks_of = compile_it(node)
        for index, item in enumerate(items):
            if checks := checks_of[type(item)]:
                below = (place, index)
                for one in checks:
                    one(item, below, out)

    return check


def _at_least(least: int, what: str) -> Check:
    def check(value: Any, place: Place, out: Problems) -> None:
        if len(value) < least:
            out.invalid(place, len(value), f"should have at least {least} {what}")

    return check


def _at_most(most: int) -> Check:
    detail = f"must have at most {most} item{'' if most == 1 else 's'}"

    def check(value: Any, place: Place, out: Problems) -> None:
        if len(value) > most:
            out.append(Problem(errors.FIELD_TOO_MANY, place, place, detail, len(value)))

    return check


def _unique(items: list[Any], place: Place, out: Problems) -> None:
    """CustomResourceDefinitions may not ask for this; only what was stored without that rule can."""
    if len({identity(item) for item in items}) != len(items):
        out.invalid(place, "", "shouldn't contain duplicates")


def _object_checks(node: Structural, counted: bool) -> Iterator[Check]:
    least, most = node.raw.get("minProperties"), node.raw.get("maxProperties")
    if least:
        yield _at_least(least, "properties")
    if most is not None:
        yield _at_most(most)
    if node.forbids_additional:
        yield _only(frozenset(node.properties))
    if node.properties or node.additional is not None:
        yield _fields(node, _counted_plan if counted else plan)
    if required := tuple(node.raw.get("required") or ()):
        yield _required(required)


def _only(known: frozenset[str]) -> Check:
    def check(value: dict[str, Any], place: Place, out: Problems) -> None:
        for key in value:
            if key not in known:
                out.forbidden_property(place, key)

    return check


def _fields(node: Structural, compile_it: Callable[[Structural], Plan]) -> Check:
    plans: dict[str, Plan] = {}
    properties, additional = node.properties, node.additional

    def check(value: dict[str, Any], place: Place, out: Problems) -> None:
        for key, item in value.items():
            checks_of = plans.get(key)
            if checks_of is None:
                if key in properties:
                    checks_of = plans[key] = compile_it(properties[key])
                elif additional is None:
                    continue
                else:
                    checks_of = compile_it(additional)
            if checks := checks_of[type(item)]:
                below = (place, key)
                for one in checks:
                    one(item, below, out)

    return check


def _required(names: tuple[str, ...]) -> Check:
    def check(value: dict[str, Any], place: Place, out: Problems) -> None:
        for name in names:
            if name not in value:
                out.append(Problem(errors.FIELD_REQUIRED, (place, name), place, "", None))

    return check
