"""The CEL expressions of an AuthenticationConfiguration: what they may use, compiled, and evaluated on claims.

`claims` are a map of anything, `user` is a UserInfo. Numbers of JSON are doubles, and names that CEL can't spell are
found by their escapes, as in `claims.acme__dot__com`. Upstream: k8s.io/apiserver/pkg/authentication/cel and the lazy
values of .../token/oidc. Called by validation.py and mapping.py.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sampan.machinery.cel import macros
from sampan.machinery.cel.admission import user_info_type
from sampan.machinery.cel.engine import Program
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import BudgetExceeded, CompileError, EvaluationError, InstantiationError
from sampan.machinery.cel.escaping import unescape
from sampan.machinery.cel.parser import parse
from sampan.machinery.cel.settings import CURRENT, PER_CALL_LIMIT
from sampan.machinery.cel.syntax import Call, Ident, Literal, Node, Select, children
from sampan.machinery.cel.types import BOOL, parse_type

AT_ONCE = 10_000  # of an evaluation's cost: what is spent on the event loop, a few milliseconds at most


class Uncompiled(ValueError):
    """An expression that is none, or makes what it should not; str() says why."""


class Failed(Exception):
    """An expression has no value for these claims."""


class TooExpensive(Exception):
    """Not for the event loop."""


@cache
def _environment(variable: str) -> Environment:
    if variable == "claims":
        return Environment({"claims": parse_type("map(string, dyn)")})
    user = user_info_type()
    return Environment({"user": user}, types={user.name: user})


class Expression:
    """One expression over `claims` or `user`. Raises Uncompiled."""

    def __init__(self, text: str, variable: str, *, condition: bool = False) -> None:
        self.text = text
        self._variable = variable
        self._program = _compiled(text, variable)
        if condition and self._program.result_type != BOOL:
            raise Uncompiled("must evaluate to bool")

    def evaluate(self, value: "Unescaping", budget: int = PER_CALL_LIMIT) -> Any:
        """Its value. Raises Failed, or TooExpensive where the budget was spent and more is allowed."""
        try:
            return self._program.evaluate({self._variable: value}, budget).value
        except BudgetExceeded as error:
            if budget < PER_CALL_LIMIT:
                raise TooExpensive from None
            raise Failed(f"expression '{self.text}' resulted in error: {error}") from None
        except EvaluationError as error:
            raise Failed(f"expression '{self.text}' resulted in error: {error}") from None

    def uses(self, field: str) -> bool:
        """Whether it selects a field of its variable, in any way."""
        return _selects(parse(self.text, macros.known(CURRENT, False)), self._variable, field)


def _compiled(text: str, variable: str) -> Program:
    try:
        return _environment(variable).compile(text)
    except CompileError as error:
        raise Uncompiled(f"compilation failed: {error}") from None
    except InstantiationError as error:
        raise Uncompiled(f"program instantiation failed: {error}") from None


def _selects(node: Node, variable: str, field: str) -> bool:
    pending = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, Select) and one.field == field and _names(one.operand, variable):
            return True
        if isinstance(one, Call) and one.function == "_?._":
            operand, name = one.arguments
            if isinstance(name, Literal) and name.value == field and _names(operand, variable):
                return True
        pending.extend(children(one))
    return False


def _names(node: Node, variable: str) -> bool:
    return isinstance(node, Ident) and node.name == variable


class Unescaping(dict[str, Any]):
    """A map of JSON that is looked up by escaped names."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(_unescaped(key))

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(_unescaped(key))

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(_unescaped(key), default)


def _unescaped(key: Any) -> Any:
    if not isinstance(key, str) or "__" not in key:
        return key
    plain = unescape(key)
    return key if plain is None else plain


def value_of(tree: Mapping[str, Any]) -> Unescaping:
    """A JSON object as expressions see it."""
    return Unescaping((key, _value(item)) for key, item in tree.items())


def _value(item: Any) -> Any:
    if isinstance(item, dict):
        return value_of(item)
    if isinstance(item, (list, tuple)):
        return [_value(one) for one in item]
    return float(item) if type(item) is int else item
