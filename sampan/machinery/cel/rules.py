"""One rule of x-kubernetes-validations, compiled: its program, that of its message, and what upstream refuses in it.

Called by node_rules.py (evaluation) and rule_walk.py (a definition's own validation).
Upstream: apiextensions-apiserver pkg/apiserver/schema/cel/compilation.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sampan.machinery.cel.engine import Program
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import CompileError, InstantiationError
from sampan.machinery.cel.sizes import MAX_REQUEST
from sampan.machinery.cel.types import BOOL, STRING, Declaration, Type, optional_of

SELF, OLD_SELF = "self", "oldSelf"
Rule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule. Without a program there is an error, unless the rule's text is empty."""

    rule: Rule
    program: Program | None = None
    error: str = ""
    message: Program | None = None
    message_error: str = ""

    @property
    def optional_old_self(self) -> bool:
        """oldSelf is an optional value, and the rule also holds for what is new."""
        return bool(self.rule.get("optionalOldSelf"))

    @property
    def uses_old_self(self) -> bool:
        """It is a transition rule."""
        return self.program is not None and OLD_SELF in self.program.variables

    @property
    def text(self) -> str:
        """How errors name the rule: its message, or else its text."""
        return str(self.rule.get("message") or self.rule["rule"]).strip()


class RuleEnvironments:
    """The environments of one node's rules: oldSelf as it is, or optional."""

    def __init__(self, base: Environment, declaration: Declaration) -> None:
        self._base = base
        self._type = declaration.type
        self.most_often = MAX_REQUEST // (declaration.least_size + 1)

    def compile(self, rule: Rule) -> CompiledRule:
        """A rule and its message expression."""
        if not str(rule.get("rule") or "").strip():
            return CompiledRule(rule)
        environment = self._environment(optional_of(self._type) if rule.get("optionalOldSelf") else self._type)
        program, error = _compiled(environment, rule["rule"], BOOL, "", "cel expression must evaluate to a bool")
        if program is None or not rule.get("messageExpression"):
            return CompiledRule(rule, program, error)
        wrong = "messageExpression must evaluate to a string"
        message, message_error = _compiled(environment, rule["messageExpression"], STRING, "messageExpression ", wrong)
        return CompiledRule(rule, program, error, message, message_error)

    def _environment(self, old: Type) -> Environment:
        return self._base.extend({SELF: self._type, OLD_SELF: old})


def _compiled(environment: Environment, text: str, result: Type, prefix: str, wrong: str) -> tuple[Program | None, str]:
    try:
        program = environment.compile(text)
    except CompileError as error:
        return None, f"{prefix}compilation failed: {error}"
    except InstantiationError as error:
        return None, f"{prefix or 'program '}instantiation failed: {error}"
    return (program, "") if program.result_type == result else (None, wrong)
