"""The match conditions of a webhook: expressions over the review's spec that say which questions it is asked at all.

One false skips the webhook; an error does what the webhook's failure policy says, unless another is false. Upstream:
k8s.io/apiserver/pkg/authorization/cel.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sampan.machinery.aggregate import aggregated
from sampan.machinery.cel.admission import declared_types
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import BudgetExceeded, CompileError, EvaluationError, InstantiationError
from sampan.machinery.cel.settings import PER_CALL_LIMIT
from sampan.machinery.cel.types import BOOL, shown
from sampan.machinery.meta import Object

AT_ONCE = 10_000  # of an evaluation's cost: what is spent on the event loop, a few milliseconds at most
_STRINGS = "list(string)"
_TYPES = {
    "SelectorRequirement": {"key": "string", "operator": "string", "values": _STRINGS},
    "FieldSelectorAttributes": {"rawSelector": "string", "requirements": "list(SelectorRequirement)"},
    "LabelSelectorAttributes": {"rawSelector": "string", "requirements": "list(SelectorRequirement)"},
    "ResourceAttributes": {
        **dict.fromkeys(("namespace", "verb", "group", "version", "resource", "subresource", "name"), "string"),
        "fieldSelector": "FieldSelectorAttributes",
        "labelSelector": "LabelSelectorAttributes",
    },
    "NonResourceAttributes": {"path": "string", "verb": "string"},
    "SubjectAccessReviewSpec": {
        "resourceAttributes": "ResourceAttributes",
        "nonResourceAttributes": "NonResourceAttributes",
        "user": "string",
        "groups": _STRINGS,
        "extra": "map(string, list(string))",
        "uid": "string",
    },
}
_ATTRIBUTES = ("namespace", "verb", "group", "version", "resource", "subresource", "name")


class Uncompiled(ValueError):
    """An expression that is none, or makes no truth; str() says why."""


class TooExpensive(Exception):
    """Not for the event loop."""


class Failed(Exception):
    """A condition has no value, and no other is false; str() says which and why."""


@cache
def _environment() -> Environment:
    types = declared_types(_TYPES)
    return Environment(
        {"request": types["SubjectAccessReviewSpec"]}, types={type_.name: type_ for type_ in types.values()}
    )


class Condition:
    """One expression. Raises Uncompiled."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._program = _environment().compile(text)
        except CompileError as error:
            raise Uncompiled(f"compilation failed: {error}") from None
        except InstantiationError as error:
            raise Uncompiled(f"program instantiation failed: {error}") from None
        if self._program.result_type != BOOL:
            raise Uncompiled(f"must evaluate to bool but got {shown(self._program.result_type)}")

    def holds(self, request: Mapping[str, Any], budget: int) -> bool:
        """Whether the webhook is for the request. Raises EvaluationError, BudgetExceeded."""
        return self._program.evaluate({"request": request}, budget).value is True


class MatchConditions:
    """All of them."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._conditions = tuple(map(Condition, texts))

    def hold(self, spec: Object, budget: int = PER_CALL_LIMIT) -> bool:
        """Whether the webhook is to be asked. Raises Failed, or TooExpensive where more might be spent elsewhere."""
        request, errors = _seen(spec), []
        for condition in self._conditions:
            try:
                if not condition.holds(request, budget):
                    return False
            except (EvaluationError, BudgetExceeded) as error:
                if budget < PER_CALL_LIMIT and isinstance(error, BudgetExceeded):
                    raise TooExpensive from None
                errors.append(f"cel evaluation error: expression '{condition.text}' resulted in error: {error}")
        if errors:
            raise Failed(aggregated(errors))
        return True


def _seen(spec: Object) -> Object:
    """The spec as expressions see it: texts that are empty are there."""
    seen: Object = {
        "user": spec.get("user", ""),
        "groups": spec.get("groups", []),
        "uid": spec.get("uid", ""),
        "extra": spec.get("extra", {}),
    }
    if (resource := spec.get("resourceAttributes")) is not None:
        seen["resourceAttributes"] = dict.fromkeys(_ATTRIBUTES, "") | resource
    if (other := spec.get("nonResourceAttributes")) is not None:
        seen["nonResourceAttributes"] = {"path": "", "verb": ""} | other
    return seen
