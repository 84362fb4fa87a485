"""Code for comprehensions, one loop for each macro. Every turn pays its fixed cost and looks at the limit.

What a turn costs besides its own expressions is what upstream's expansion has in it: names, `&&`, `+`, lists made.
Upstream: cel-go interpreter/interpretable.go (evalFold), parser/macro.go.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sampan.machinery.cel.access import PENDING
from sampan.machinery.cel.code import COST, LIMIT, Code, Frame, Run, Scope
from sampan.machinery.cel.errors import BudgetExceeded, EvaluationError, no_such_overload
from sampan.machinery.cel.syntax import Call, Comprehension, ListLiteral, Node
from sampan.machinery.cel.values import UInt

Body = Callable[[Frame], Any]


def comprehension(scope: Scope, node: Comprehension) -> Code:
    """The code of a loop."""
    return _MACROS[node.macro](scope, node)


class _Loop:
    """The range of a loop, and the slots of its variables."""

    def __init__(self, scope: Scope, node: Comprehension) -> None:
        self._scope = scope
        self._names = [name for name in (node.key, node.value) if name]
        self._outer = {name: scope.slots.get(name) for name in self._names}
        self.code = scope.code(node.range)
        self.slots = [scope.new_slot() for _ in self._names]
        scope.slots.update(zip(self._names, self.slots, strict=True))

    def leave(self) -> None:
        """The names mean again what they meant outside."""
        for name, slot in self._outer.items():
            if slot is None:
                del self._scope.slots[name]
            else:
                self._scope.slots[name] = slot

    def turns(self) -> Callable[[Frame], Iterable[int]]:
        """Set the variables for one element after the other, and say how many are left."""
        run = self.code.run
        if len(self.slots) == 1:
            return _one_variable(run, self.slots[0])
        return _two_variables(run, *self.slots)


def not_iterable(value: Any) -> EvaluationError:
    """A loop over what is neither list nor map, with the name of cel-go's type."""
    name = _GO_TYPES.get(type(value), type(value).__name__)
    return EvaluationError(f"got 'types.{name}', expected iterable type")


_GO_TYPES: Mapping[type, str] = {
    bool: "Bool",
    int: "Int",
    UInt: "Uint",
    float: "Double",
    str: "String",
    bytes: "Bytes",
    type(None): "Null",
}


def _one_variable(run: Run, slot: int) -> Callable[[Frame], Iterable[int]]:
    def turns(frame: Frame) -> Iterable[int]:
        values = run(frame)
        if not isinstance(values, (list, dict)):
            raise not_iterable(values)
        left = len(values)
        for item in values:
            frame[slot] = item
            left -= 1
            yield left

    return turns


def _two_variables(run: Run, first: int, second: int) -> Callable[[Frame], Iterable[int]]:
    def turns(frame: Frame) -> Iterable[int]:
        values = run(frame)
        if isinstance(values, list):
            pairs: Iterable[tuple[Any, Any]] = enumerate(values)
        elif isinstance(values, dict):
            pairs = values.items()
        else:
            raise not_iterable(values)
        left = len(values)
        for key, item in pairs:
            frame[first], frame[second] = key, item
            left -= 1
            yield left

    return turns


def _quantifier(decisive: bool, turn: int) -> Callable[[Scope, Comprehension], Code]:
    """`all` ends at the first false, `exists` at the first true; an error counts if nothing decides."""

    def compile_(scope: Scope, node: Comprehension) -> Code:
        loop = _Loop(scope, node)
        assert isinstance(node.step, Call)
        test = scope.code(node.step.arguments[1])
        loop.leave()
        each = turn + test.cost
        if len(loop.slots) == 1:
            run = _decided_over_items(loop.code.run, loop.slots[0], test.run, decisive, each, turn - 1)
        else:
            run = _decided_over_pairs(loop.turns(), test.run, decisive, each, turn - 1)
        return Code(run, loop.code.cost + 1)

    return compile_


def _decided_over_items(range_: Run, slot: int, test: Run, decisive: bool, each: int, again: int) -> Run:
    """The commonest loop, written out. `again` is the cost of looking at the condition once more at an early end."""

    def run(frame: Frame) -> Any:
        values = range_(frame)
        if not isinstance(values, (list, dict)):
            raise not_iterable(values)
        first: EvaluationError | None = None
        left, limit = len(values), frame[LIMIT]
        for item in values:
            frame[slot] = item
            left -= 1
            cost = frame[COST] = frame[COST] + each
            if cost > limit:
                raise BudgetExceeded(cost)
            try:
                value = test(frame)
            except EvaluationError as error:
                first = first or error
                continue
            if value is decisive:
                frame[COST] += again if left else 0
                return decisive
            if type(value) is not bool:
                first = first or no_such_overload()
        if first is not None:
            raise first
        return not decisive

    return run


def _decided_over_pairs(
    turns: Callable[[Frame], Iterable[int]], test: Run, decisive: bool, each: int, again: int
) -> Run:
    def run(frame: Frame) -> Any:
        first: EvaluationError | None = None
        for left in turns(frame):
            frame[COST] += each
            if frame[COST] > frame[LIMIT]:
                raise BudgetExceeded(frame[COST])
            try:
                value = test(frame)
            except EvaluationError as error:
                first = first or error
                continue
            if value is decisive:
                frame[COST] += again if left else 0
                return decisive
            if type(value) is not bool:
                first = first or no_such_overload()
        if first is not None:
            raise first
        return not decisive

    return run


def _exists_one(scope: Scope, node: Comprehension) -> Code:
    loop = _Loop(scope, node)
    assert isinstance(node.step, Call)
    test = scope.code(node.step.arguments[0])
    loop.leave()
    turns, run, each = loop.turns(), test.run, test.cost

    def count(frame: Frame) -> bool:
        found = 0
        for _ in turns(frame):
            frame[COST] += each
            if frame[COST] > frame[LIMIT]:
                raise BudgetExceeded(frame[COST])
            value = run(frame)
            if value is True:
                frame[COST] += 2
                found += 1
            elif value is not False:
                raise no_such_overload()
        return found == 1

    return Code(count, loop.code.cost + 2)


def _split(step: Node) -> tuple[Node | None, Call]:
    """A step with a test is `test ? step : accumulator`."""
    assert isinstance(step, Call)
    if step.function != "_?_:_":
        return None, step
    inner = step.arguments[1]
    assert isinstance(inner, Call)
    return step.arguments[0], inner


def _collecting(
    scope: Scope, node: Comprehension, parts: list[Node], add: Callable[..., None], turn: int, empty: type
) -> Code:
    """A loop that gathers what its parts give, of the elements for which its test holds."""
    loop = _Loop(scope, node)
    test, _ = _split(node.step)
    condition = scope.code(test) if test is not None else None
    codes = [scope.code(part) for part in parts]
    loop.leave()
    turns, runs = loop.turns(), tuple(code.run for code in codes)
    always = condition.cost if condition else 0
    if empty is list and codes[0].known:
        turn -= 10  # the list of a constant is made once
    each = turn + sum(code.cost for code in codes)
    tested = condition.run if condition else None

    def gather(frame: Frame) -> Any:
        found = empty()
        for _ in turns(frame):
            if tested is not None:
                frame[COST] += always
                value = tested(frame)
                if value is not True:
                    if value is not False:
                        raise no_such_overload()
                    if frame[COST] > frame[LIMIT]:
                        raise BudgetExceeded(frame[COST])
                    continue
            frame[COST] += each
            if frame[COST] > frame[LIMIT]:
                raise BudgetExceeded(frame[COST])
            add(found, *[run(frame) for run in runs])
        return found

    return Code(gather, loop.code.cost + 1)


def _mapped(scope: Scope, node: Comprehension) -> Code:
    _, step = _split(node.step)
    made = step.arguments[1]
    assert isinstance(made, ListLiteral)
    return _collecting(scope, node, made.items, list.append, 12, list)


def _inserted(scope: Scope, node: Comprehension) -> Code:
    _, step = _split(node.step)
    parts = step.arguments[1:]
    return _collecting(scope, node, parts, _insert if len(parts) == 2 else _insert_all, 2, dict)


def _insert(found: dict[Any, Any], key: Any, value: Any) -> None:
    if key in found:
        raise EvaluationError(f"insert failed: key {key} already exists")
    found[key] = value


def _insert_all(found: dict[Any, Any], entries: Any) -> None:
    if not isinstance(entries, dict):
        raise no_such_overload()
    for key, value in entries.items():
        _insert(found, key, value)


def _bind(scope: Scope, node: Comprehension) -> Code:
    """A name for a value in the rest of the expression; one that is never looked at costs nothing."""
    value = scope.code(node.initial)
    outer = scope.slots.get(node.accumulator)
    slot = scope.slots[node.accumulator] = scope.new_slot()
    scope.bound[slot] = value
    result = scope.code(node.result)
    if outer is None:
        del scope.slots[node.accumulator]
    else:
        scope.slots[node.accumulator] = outer
    rest = result.run

    def run(frame: Frame) -> Any:
        frame[slot] = PENDING
        return rest(frame)

    return Code(run, result.cost)


_MACROS: Mapping[str, Callable[[Scope, Comprehension], Code]] = {
    "all": _quantifier(False, 3),
    "exists": _quantifier(True, 4),
    "exists_one": _exists_one,
    "map": _mapped,
    "insert": _inserted,
    "bind": _bind,
}
