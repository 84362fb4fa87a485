"""The walk of a schema that judges its rules: whether they compile, what they may cost, where oldSelf may stand.

Upstream: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go (the texts) and cel_validation.go (how
costs are summed up). Called by rule_audit.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.rules import CompiledRule, RuleEnvironments
from sampan.machinery.cel.sizes import GREATEST
from sampan.machinery.cel.structural_types import declare
from sampan.machinery.errors import FIELD_INTERNAL, FieldError
from sampan.machinery.paths import Path, forbidden, invalid
from sampan.machinery.structural.schema import Structural

RULES = "x-kubernetes-validations"
EXPRESSION_LIMIT = 10_000_000  # estimated, of one rule over all values that an object can have
SCHEMA_LIMIT = 100_000_000  # estimated, of all rules together
_MOST_EXPENSIVE = 4
_ADVICE = (
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength "
    "where arrays, maps, and strings are declared)"
)


class Walk:
    """One walk over one schema."""

    def __init__(
        self,
        new: Environment,
        stored: Environment,
        sound: Callable[[Path], bool],
        known: frozenset[str],
        unchanged: bool,
    ) -> None:
        self._new, self._stored = new, stored
        self._sound, self._known, self._unchanged = sound, known, unchanged
        self._total = 0
        self._expensive: list[tuple[int, Path]] = []
        self.errors: list[FieldError] = []

    def node(self, node: Structural, path: Path, uncorrelated: str) -> None:
        """A node, after those below it. `uncorrelated` is the place above which old values cannot be found."""
        if node.additional is not None:
            below = path.child("additionalProperties")
            self.node(node.additional, below, uncorrelated)
        for name, child in node.properties.items():
            self.node(child, path.child("properties").key(name), uncorrelated)
        if node.items is not None:
            self.node(node.items, path.child("items"), uncorrelated or ("" if node.list_type == "map" else str(path)))
        if node.rules and self._sound(path):
            self._rules(node, path, uncorrelated)

    def _rules(self, node: Structural, path: Path, uncorrelated: str) -> None:
        declaration = declare(node.raw, node.resource_root or node.embedded)
        if declaration is None:
            text = (
                "internal error: failed to construct type information for x-kubernetes-validations rules: "
                "unable to convert structural schema to CEL declarations"
            )
            self.errors.append(FieldError(FIELD_INTERNAL, str(path.child(RULES)), text))
            return
        for index, rule in enumerate(node.rules):
            at = path.child(RULES).index(index)
            base = self._stored if rule.get("rule") in self._known else self._new
            environments = RuleEnvironments(base, declaration)
            compiled = environments.compile(rule)
            often = node.max_count if node.max_count is not None else environments.most_often
            self._cost(compiled, at, often)
            self._compilation(compiled, at)
            self._message_cost(compiled, at)
            self._transition(compiled, at.child("rule"), uncorrelated)

    def _cost(self, rule: CompiledRule, at: Path, often: int) -> None:
        cost = min(rule.program.estimate.most * often, GREATEST) if rule.program else 0
        self._observe("estimated rule cost", cost, at.child("rule"))

    def _observe(self, name: str, cost: int, at: Path) -> None:
        if cost > EXPRESSION_LIMIT and not self._unchanged:
            self.errors.append(forbidden(at, excess(name, cost, EXPRESSION_LIMIT)))
        self._total = min(self._total + cost, GREATEST)
        if cost >= SCHEMA_LIMIT // 100:
            self._expensive.append((cost, at))

    def _compilation(self, rule: CompiledRule, at: Path) -> None:
        if rule.error:
            self.errors.append(invalid(at.child("rule"), _shown(rule.rule), rule.error))
        if rule.message_error:
            self.errors.append(invalid(at.child("messageExpression"), _shown(rule.rule), rule.message_error))

    def _message_cost(self, rule: CompiledRule, at: Path) -> None:
        if rule.message is not None:
            cost = rule.message.estimate.most
            self._observe("estimated messageExpression cost", cost, at.child("messageExpression"))

    def _transition(self, rule: CompiledRule, at: Path, uncorrelated: str) -> None:
        if rule.uses_old_self:
            if uncorrelated:
                text = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {uncorrelated}"
                self.errors.append(invalid(at, rule.rule["rule"], text))
        elif rule.rule.get("optionalOldSelf") is not None:
            text = "may not be set if oldSelf is not used in rule"
            at = Path(str(at).removesuffix(".rule")).child("optionalOldSelf")
            self.errors.append(invalid(at, rule.rule["optionalOldSelf"], text))

    def total_errors(self, path: Path) -> list[FieldError]:
        """What is to say of the costs of all rules together."""
        if self._total <= SCHEMA_LIMIT:
            return []
        contributed = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
        most = sorted(self._expensive, key=lambda pair: -pair[0])[:_MOST_EXPENSIVE]
        name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        return [
            *(forbidden(at, contributed) for _, at in most),
            forbidden(path, excess(name, self._total, SCHEMA_LIMIT)),
        ]


def excess(name: str, cost: int, limit: int) -> str:
    """By how much a cost is too high."""
    factor = cost / limit
    if factor > 100:
        shown = "more than 100x"
    else:
        shown = f"{factor:f}x" if factor < 1.5 else f"{factor:.1f}x"
    return f"{name} exceeds budget by factor of {shown} {_ADVICE}"


def _shown(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rule as upstream's errors print it."""
    return {
        "Rule": rule.get("rule", ""),
        "Message": rule.get("message", ""),
        "MessageExpression": rule.get("messageExpression", ""),
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath", ""),
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }
