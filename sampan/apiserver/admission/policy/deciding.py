"""What a validating policy says of one request with one parameter. Pure; run under an Allowance.

Upstream: k8s.io/apiserver/pkg/admission/plugin/policy/validating/validator.go.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.apiserver.admission.dynamic.conditions import Conditions, Verdict
from sampan.apiserver.admission.dynamic.evaluation import (
    CONDITIONS_BUDGET,
    POLICY_BUDGET,
    Allowance,
    Budget,
    OutOfBudget,
    Wrong,
    run,
)
from sampan.apiserver.admission.policy.policies import Compiled, Policy, Validation

NO_ERROR = "no_error"
_LONGEST_MESSAGE = 5 * 1024  # bytes


class Decision(NamedTuple):
    """Of one validation. An error denies, or admits where failures are ignored."""

    denies: bool
    message: str = ""
    reason: str = ""
    is_error: bool = False

    @property
    def error_type(self) -> str:
        """As metrics call it."""
        return error_type(self.message) if self.denies or self.is_error else NO_ERROR


def error_type(message: str) -> str:
    """What metrics call an error of that text."""
    if message.startswith("compilation"):
        return "compile_error"
    return "out_of_budget" if message.startswith("validation failed due to running out") else "invalid_error"


class Outcome(NamedTuple):
    """Annotations are keys with values; `verdict` is that of the match conditions."""

    verdict: Verdict
    decisions: Sequence[Decision] = ()
    annotations: Sequence[tuple[str, str]] = ()
    annotation_errors: Sequence[str] = ()


def decide(policy: Policy, compiled: Compiled, variables: Mapping[str, Any], allowance: Allowance) -> Outcome:
    """Match conditions first, then all validations, then annotations."""
    verdict = meets(policy.conditions, compiled, variables, allowance)
    if verdict.error:
        return Outcome(verdict, [Decision(policy.fails, verdict.error, is_error=True)])
    if not verdict.matches:
        return Outcome(verdict)
    try:
        decisions = _decisions(policy, compiled, variables, allowance)
        annotations, errors = _annotations(compiled, variables, allowance)
    except OutOfBudget as error:
        return Outcome(verdict, [Decision(policy.fails, str(error), is_error=True)])
    return Outcome(verdict, decisions, annotations, errors if policy.fails else ())


def meets(conditions: Conditions, compiled: Compiled, variables: Mapping[str, Any], allowance: Allowance) -> Verdict:
    """Whether the match conditions hold, under a budget of their own."""
    if not conditions:
        return Verdict(True)
    bindings = compiled.composition.bind(variables, allowance.variable_limit)
    return conditions.decide(bindings, allowance.budget(CONDITIONS_BUDGET))


def value_of(program: Any, bindings: Mapping[str, Any], budget: Budget) -> Any:
    """The value of an expression, which may have no program. Raises Wrong, OutOfBudget."""
    if isinstance(program, str):
        raise Wrong(program)
    return run(program, bindings, budget)


def _decisions(
    policy: Policy, compiled: Compiled, variables: Mapping[str, Any], allowance: Allowance
) -> list[Decision]:
    budget = allowance.budget(POLICY_BUDGET)
    bindings = compiled.composition.bind(variables, allowance.variable_limit)
    found = [_evaluated(policy, one, bindings, budget) for one in compiled.validations]
    if not any(one is None for one in found):
        return [one for one in found if one is not None]
    return [one or _failed(v, bindings, budget, policy) for one, v in zip(found, compiled.validations, strict=True)]


def _evaluated(policy: Policy, validation: Validation, bindings: Mapping[str, Any], budget: Budget) -> Decision | None:
    """The decision, but None for a validation that has failed: its message is to be found."""
    try:
        return Decision(False) if value_of(validation.rule, bindings, budget) is True else None
    except Wrong as error:
        return Decision(policy.fails, str(error), is_error=True)


def _failed(validation: Validation, bindings: Mapping[str, Any], budget: Budget, policy: Policy) -> Decision:
    tree = validation.tree
    try:
        message = _message(validation, bindings, budget)
    except OutOfBudget as error:
        return Decision(policy.fails, f"failed messageExpression: {error}", is_error=True)
    message = message or (tree.get("message") or "").strip() or f"failed expression: {tree['expression'].strip()}"
    return Decision(True, message, tree.get("reason") or "Invalid")


def _message(validation: Validation, bindings: Mapping[str, Any], budget: Budget) -> str:
    """What messageExpression makes, if it is one line of sensible length."""
    if not validation.message:
        return ""
    try:
        made = value_of(validation.message, bindings, budget)
    except Wrong:
        return ""
    text = made.strip() if isinstance(made, str) else ""
    return "" if "\n" in text or len(text.encode(errors="replace")) > _LONGEST_MESSAGE else text


def _annotations(
    compiled: Compiled, variables: Mapping[str, Any], allowance: Allowance
) -> tuple[list[tuple[str, str]], list[str]]:
    budget = allowance.budget(POLICY_BUDGET)
    bindings = compiled.composition.bind(variables, allowance.variable_limit)
    found, errors = [], []
    for key, program in compiled.annotations:
        try:
            value = value_of(program, bindings, budget)
        except Wrong as error:
            errors.append(str(error))
            continue
        if isinstance(value, str) and value.strip():
            found.append((key, value.strip()))
    return found, errors
