"""The rules of one node of a custom resource's schema, evaluated: what x-kubernetes-validations says of a value.

A rule may cost PER_CALL_LIMIT, all rules over an object what the budget has; the cost is upstream's. Called by
crd_rules.py. Upstream: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go (validateExpressions).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sampan.machinery import errors
from sampan.machinery.cel.engine import Program
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import BudgetExceeded, EvaluationError
from sampan.machinery.cel.rules import OLD_SELF, SELF, CompiledRule, RuleEnvironments
from sampan.machinery.cel.settings import PER_CALL_LIMIT
from sampan.machinery.cel.structural_types import declare
from sampan.machinery.cel.types import Declaration
from sampan.machinery.cel.values import NONE, Optional
from sampan.machinery.errors import OMITTED, FieldError
from sampan.machinery.paths import Path, invalid
from sampan.machinery.structural.field_paths import FieldPathError, resolve
from sampan.machinery.structural.rules import Budget, RuleCheck
from sampan.machinery.structural.schema import Structural

_LONGEST_MESSAGE = 5 * 1024
_OUT_OF_BUDGET = "failed due to running out of cost budget, no further validation rules will be run"
_REASONS = {
    "FieldValueForbidden": errors.FIELD_FORBIDDEN,
    "FieldValueRequired": errors.FIELD_REQUIRED,
    "FieldValueDuplicate": errors.FIELD_DUPLICATE,
}


def check_of(base: Environment, node: Structural) -> RuleCheck:
    """The check of one node; `base` has the libraries."""
    declaration = declare(node.raw, node.resource_root or node.embedded)
    if declaration is None:
        return _silent
    environments = RuleEnvironments(base, declaration)
    rules = [environments.compile(rule) for rule in node.rules]
    return _Check(node, declaration, rules)


def _silent(value: Any, old: Any, path: Path, forgiven: Callable[[], bool], budget: Budget) -> Iterable[FieldError]:
    """Rules on a value of which the schema says too little are not evaluated."""
    return ()


class _Spent(Exception):
    """Nothing more is evaluated; the error to report."""

    def __init__(self, error: FieldError) -> None:
        super().__init__(str(error))
        self.error = error


class _Check:
    """The rules of one node."""

    def __init__(self, node: Structural, declaration: Declaration, rules: list[CompiledRule]) -> None:
        self._type = node.type
        self._read = declaration.read
        self._rules = [(rule, _field_path(rule, node)) for rule in rules]

    def __call__(
        self, value: Any, old: Any, path: Path, forgiven: Callable[[], bool], budget: Budget
    ) -> Iterator[FieldError]:
        if budget.remaining <= 0:
            budget.remaining = -1
            yield invalid(path, self._type, f"validation {_OUT_OF_BUDGET}")
            return
        for rule, below in self._rules:
            try:
                error = self._error(rule, _child(path, below), path, value, old, budget)
            except _Spent as spent:
                budget.remaining = -1
                yield spent.error
                return
            if error is not None and (rule.uses_old_self or not forgiven() or error.evaluation):
                yield error.error

    def _error(self, rule: CompiledRule, at: Path, path: Path, value: Any, old: Any, budget: Budget) -> "_Found | None":
        """What one rule says."""
        if rule.error:
            return _Found(invalid(path, self._type, f"rule compile error: {rule.error}"), True)
        if rule.program is None or (rule.uses_old_self and old is None and not rule.optional_old_self):
            return None
        try:
            bindings = self._bindings(value, old, rule.optional_old_self)
            result = rule.program.evaluate(bindings, PER_CALL_LIMIT)
        except BudgetExceeded as error:
            self._pay(error.cost, budget, path)
            text = f"'{error}': no further validation rules will be run due to call cost exceeds limit for rule: "
            raise _Spent(invalid(path, self._type, text + rule.text)) from None
        except EvaluationError as error:
            self._pay(error.cost, budget, path)
            return _Found(invalid(path, self._type, _explained(error, rule)), True)
        self._pay(result.cost, budget, path)
        if result.value is True:
            return None
        detail = self._message(rule, at, value, old, budget)
        shown = OMITTED if self._type in ("object", "array") else value
        return _Found(_error_for(rule, at, shown, detail), False)

    def _bindings(self, value: Any, old: Any, optional: bool) -> Mapping[str, Any]:
        read = self._read
        if read is not None:
            value, old = read(value), None if old is None else read(old)
        if optional:
            old = NONE if old is None else Optional(old)
            return {SELF: value, OLD_SELF: old}
        return {SELF: value} if old is None else {SELF: value, OLD_SELF: old}

    def _pay(self, cost: int, budget: Budget, path: Path) -> None:
        if cost > budget.remaining:
            raise _Spent(invalid(path, self._type, f"validation {_OUT_OF_BUDGET}"))
        budget.remaining -= cost

    def _message(self, rule: CompiledRule, at: Path, value: Any, old: Any, budget: Budget) -> str:
        """The message of a rule that does not hold."""
        made = ""
        if rule.message is not None:
            # Upstream gives the message oldSelf as it is, never optional.
            made = self._evaluated(rule.message, self._bindings(value, old, False), at, budget)
        if made:
            return made
        return str(rule.rule["message"]).strip() if rule.rule.get("message") else f"failed rule: {rule.text}"

    def _evaluated(self, program: Program, bindings: Mapping[str, Any], at: Path, budget: Budget) -> str:
        try:
            result = program.evaluate(bindings, PER_CALL_LIMIT)
        except BudgetExceeded as error:
            text = "no further validation rules will be run due to call cost exceeds limit for messageExpression: "
            shown = f"messageExpression evaluation {_OUT_OF_BUDGET}"
            if error.cost <= budget.remaining:
                shown = f'{text}"{program.text}"'
            raise _Spent(invalid(at, self._type, shown)) from None
        except EvaluationError as error:
            self._pay_message(error.cost, budget, at)
            return ""
        self._pay_message(result.cost, budget, at)
        message = str(result.value).strip()
        return message if len(message.encode()) <= _LONGEST_MESSAGE and "\n" not in message else ""

    def _pay_message(self, cost: int, budget: Budget, at: Path) -> None:
        if cost > budget.remaining:
            raise _Spent(invalid(at, self._type, f"messageExpression evaluation {_OUT_OF_BUDGET}"))
        budget.remaining -= cost


class _Found:
    """An error, and whether it comes from the evaluation: those are never forgiven."""

    __slots__ = ("error", "evaluation")

    def __init__(self, error: FieldError, evaluation: bool) -> None:
        self.error = error
        self.evaluation = evaluation


def _explained(error: EvaluationError, rule: CompiledRule) -> str:
    if str(error).startswith("no such overload"):
        reason = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{error}': {reason}: {rule.text}"
    return f"{error} evaluating rule: {rule.text}"


def _error_for(rule: CompiledRule, at: Path, value: Any, detail: str) -> FieldError:
    type_ = _REASONS.get(rule.rule.get("reason") or "", errors.FIELD_INVALID)
    if type_ == errors.FIELD_DUPLICATE:
        return FieldError(type_, str(at), "", value)
    return FieldError(type_, str(at), detail, value)


def _field_path(rule: CompiledRule, node: Structural) -> str:
    """fieldPath in the form of error paths; empty where the rule has none that leads anywhere."""
    given = rule.rule.get("fieldPath")
    try:
        return str(resolve(given, node)[0]) if given else ""
    except FieldPathError:
        return ""


def _child(path: Path, below: str) -> Path:
    return path.child(below) if below else path
