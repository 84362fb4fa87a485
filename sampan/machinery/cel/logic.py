"""Code for `&&`, `||`, `?:` and the operators of optionals that need not evaluate everything.

`&&` and `||` absorb an error where another term decides. Upstream: cel-go interpreter/interpretable.go, cel/library.go.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.machinery.cel import access
from sampan.machinery.cel.code import Code, Frame, Run, Scope, charged, part_of_attribute
from sampan.machinery.cel.errors import EvaluationError, no_such_overload
from sampan.machinery.cel.syntax import Call
from sampan.machinery.cel.values import NONE, Optional


def _terms(scope: Scope, node: Call) -> tuple[list[Run], int]:
    """The terms' code, of which only the first is always run, and its cost."""
    codes = [scope.code(argument) for argument in node.arguments]
    return [codes[0].run, *(charged(code) for code in codes[1:])], codes[0].cost


def _junction(decisive: bool) -> Callable[[Scope, Call], Code]:
    """`&&` is decided by the first false, `||` by the first true."""

    def compile_(scope: Scope, node: Call) -> Code:
        runs, cost = _terms(scope, node)
        if len(runs) == 2:
            return Code(_of_two(runs[0], runs[1], decisive), cost)
        return Code(_of_many(tuple(runs), decisive), cost)

    return compile_


def _of_two(left: Run, right: Run, decisive: bool) -> Run:
    def run(frame: Frame) -> Any:
        try:
            value = left(frame)
        except EvaluationError as error:
            if _decides(right, frame, decisive):
                return decisive
            raise error from None
        if value is decisive:
            return decisive
        other = right(frame)
        if other is decisive:
            return decisive
        if type(value) is not bool or type(other) is not bool:
            raise no_such_overload()
        return not decisive

    return run


def _decides(term: Run, frame: Frame, decisive: bool) -> bool:
    try:
        return bool(term(frame) is decisive)
    except EvaluationError:
        return False


def _of_many(terms: tuple[Run, ...], decisive: bool) -> Run:
    def run(frame: Frame) -> Any:
        first: EvaluationError | None = None
        for term in terms:
            try:
                value = term(frame)
            except EvaluationError as error:
                first = first or error
                continue
            if value is decisive:
                return decisive
            if type(value) is not bool:
                first = first or no_such_overload()
        if first is not None:
            raise first
        return not decisive

    return run


def _conditional(scope: Scope, node: Call) -> Code:
    """test ? yes : no. A branch that is a plain name costs nothing itself, as upstream counts."""
    test, yes, no = (scope.code(argument) for argument in node.arguments)
    condition, left, right = test.run, charged(part_of_attribute(yes)), charged(part_of_attribute(no))

    def run(frame: Frame) -> Any:
        value = condition(frame)
        if value is True:
            return left(frame)
        if value is False:
            return right(frame)
        raise no_such_overload()

    return Code(run, test.cost, True)


def _otherwise(unwrap: bool) -> Callable[[Scope, Call], Code]:
    """optional.or(optional), and optional.orValue(value), which unwraps."""

    def compile_(scope: Scope, node: Call) -> Code:
        left, right = (scope.code(operand) for operand in node.operands)
        first, second = left.run, charged(right)

        def run(frame: Frame) -> Any:
            value = first(frame)
            if type(value) is not Optional:
                raise no_such_overload()
            if value is NONE:
                return second(frame)
            return value.value if unwrap else value

        return Code(run, left.cost)

    return compile_


SPECIAL: Mapping[str, Callable[[Scope, Call], Code]] = {
    "_&&_": _junction(False),
    "_||_": _junction(True),
    "_?_:_": _conditional,
    "_[_]": access.index,
    "_[?_]": access.optional_index,
    "_?._": access.optional_select,
    "or": _otherwise(unwrap=False),
    "orValue": _otherwise(unwrap=True),
}
