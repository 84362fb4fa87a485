"""Code for names, fields and indices, and for asking whether they are there.

A declared field is read by its JSON name and converted as its type says; everything else is a plain look-up.
Upstream: cel-go interpreter/attributes.go (and its texts).
"""

from typing import Any

from sampan.machinery.cel.code import COST, Code, Frame, Run, Scope, charged, constant, part_of_attribute
from sampan.machinery.cel.errors import EvaluationError, no_such_key, no_such_overload
from sampan.machinery.cel.syntax import Call, Literal, Select
from sampan.machinery.cel.types import DeclaredField, Type
from sampan.machinery.cel.values import NONE, NUMBERS, Optional

PENDING: Any = object()  # what stands in the slot of a name whose value is not worked out yet


class Unbound:
    """What stands in a slot whose variable was given no value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def variable(scope: Scope, name: str) -> Code:
    """The value of a variable."""
    slot = scope.variable(name)
    if slot in scope.bound:
        return Code(_bound(slot, charged(scope.bound[slot])), 1, True, 1)
    if name in scope.slots:
        return Code(lambda frame: frame[slot], 1, True, 1)

    def run(frame: Frame) -> Any:
        value = frame[slot]
        if type(value) is Unbound:
            raise EvaluationError(f"no such attribute(s): {name}")
        return value

    return Code(run, 1, True, 1)


def _bound(slot: int, value: Run) -> Run:
    """A name for a value, which is worked out when it is first looked at."""

    def run(frame: Frame) -> Any:
        found = frame[slot]
        if found is PENDING:
            found = frame[slot] = value(frame)
        return found

    return run


def select(scope: Scope, node: Select) -> Code:
    """operand.field, or has(operand.field)."""
    if node.constant is not None:
        return constant(node.constant)
    if node.variable:
        return variable(scope, node.variable)
    operand = scope.code(node.operand)
    declared = _declared(node.operand.type, node.field)
    key = declared.key if declared else node.field
    if node.test:
        # Upstream counts the question and takes it back, and does not count the name that leads there.
        return Code(_has(operand.run, key, declared is not None), operand.cost + (0 if operand.attribute else 1))
    read = declared.declaration.read if declared else None
    if node.operand.type.optional:
        return Code(_optional_field(operand.run, key, read), *_followed(operand, 0))
    chosen = _select_declared if declared and not declared.nullable else _select
    return Code(chosen(operand.run, key, read), *_followed(operand, 1))


def _followed(operand: Code, step: int) -> tuple[int, bool, int]:
    """What Code says of an attribute with one step more: its cost, that it is one, and its own unit."""
    if operand.attribute:
        return operand.cost + step, True, operand.own
    return operand.cost + step + 1, True, 1


def _declared(type_: Type, field: str) -> DeclaredField | None:
    if type_.optional:
        type_ = type_.parameters[0]
    return type_.declaration.named(field) if type_.declaration and type_.kind == "struct" else None


def _select(operand: Run, key: str, read: Any) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        try:
            return value[key]
        except KeyError:
            raise no_such_key(key) from None
        except TypeError:
            return _unusual(value, key)

    def converted(frame: Frame) -> Any:
        value = run(frame)
        if value is None:
            return None
        return read(value) if type(value) is not Optional else _map_optional(value, read)

    return run if read is None else converted


def _select_declared(operand: Run, key: str, read: Any) -> Run:
    """A field of an object; null is as good as missing."""
    chosen = _select(operand, key, read)

    def run(frame: Frame) -> Any:
        value = chosen(frame)
        if value is None:
            raise no_such_key(key)
        return value

    return run


def _map_optional(value: Optional, read: Any) -> Optional:
    return NONE if value is NONE else Optional(read(value.value))


def _unusual(value: Any, key: Any) -> Any:
    """A field of what is no map: of an optional it is an optional."""
    if type(value) is Optional:
        return NONE if value is NONE else look(value.value, key)
    if isinstance(value, list):
        raise EvaluationError(f"unsupported index type '{_type_text(key)}' in list")
    raise no_such_key(key)


def _has(operand: Run, key: str, declared: bool) -> Run:
    def run(frame: Frame) -> bool:
        value = operand(frame)
        if isinstance(value, dict):
            return value.get(key) is not None if declared else key in value
        if type(value) is Optional:
            return value is not NONE and isinstance(value.value, dict) and key in value.value
        raise no_such_overload()

    return run


def look(value: Any, key: Any) -> Optional:
    """The optional of a field, key or index."""
    if isinstance(value, dict):
        return Optional(value[key]) if _usable(key) and key in value else NONE
    if isinstance(value, list):
        index = _index(key)
        return Optional(value[index]) if 0 <= index < len(value) else NONE
    if type(value) is Optional:
        return NONE if value is NONE else look(value.value, key)
    raise no_such_overload()


def _usable(key: Any) -> bool:
    return type(key) in (str, bool) or type(key) in NUMBERS


def _index(key: Any) -> int:
    if type(key) in NUMBERS and (type(key) is not float or key.is_integer()):
        return int(key)
    if type(key) is float:
        raise EvaluationError(f"unsupported index value: {key}")
    raise EvaluationError(f"unsupported index type '{_type_text(key)}' in list")


def _type_text(key: Any) -> str:
    return "string" if type(key) is str else type(key).__name__


def index(scope: Scope, node: Call) -> Code:
    """operand[index]."""
    if node.arguments[0].type.optional:
        return optional_index(scope, node)
    operand, position = (scope.code(argument) for argument in node.arguments)
    left, right = operand.run, position.run
    return Code(lambda frame: at(left(frame), right(frame)), *_followed(operand, 1 + _position(position)))


def _position(code: Code) -> int:
    return part_of_attribute(code).cost


def at(value: Any, key: Any) -> Any:
    """An element by its index or key."""
    if isinstance(value, list):
        number = _index(key) if type(key) is not int else key
        if 0 <= number < len(value):
            return value[number]
        raise EvaluationError(f"index out of bounds: {number}")
    if isinstance(value, dict):
        if _usable(key) and key in value:
            return value[key]
        raise no_such_key(key)
    if type(value) is Optional:
        return NONE if value is NONE else look(value.value, key)
    raise no_such_key(key)


def optional_select(scope: Scope, node: Call) -> Code:
    """operand.?field."""
    operand = scope.code(node.arguments[0])
    field = node.arguments[1]
    assert isinstance(field, Literal)
    declared = _declared(node.arguments[0].type, field.value)
    key = declared.key if declared else field.value
    read = declared.declaration.read if declared else None
    return Code(_optional_field(operand.run, key, read), *_followed(operand, 0))


def _optional_field(operand: Run, key: str, read: Any) -> Run:
    """A field that may be missing; it costs only where it is not."""

    def run(frame: Frame) -> Optional:
        found = look(operand(frame), key)
        if found is not NONE:
            frame[COST] += 1
        return found if read is None else _map_optional(found, read)

    return run


def optional_index(scope: Scope, node: Call) -> Code:
    """operand[?index]."""
    operand, position = (scope.code(argument) for argument in node.arguments)
    return Code(_optional_element(operand.run, position.run), *_followed(operand, _position(position)))


def _optional_element(left: Run, right: Run) -> Run:
    def run(frame: Frame) -> Optional:
        found = look(left(frame), right(frame))
        if found is not NONE:
            frame[COST] += 1
        return found

    return run
