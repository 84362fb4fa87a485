"""What is wrong with the rules of a CustomResourceDefinition: their form, their types, what they may cost.

    shape_errors(schema, path)                  the form of one node's rules, among the schema's own errors
    RuleAudit(base).errors(schema, path, ...)   compiles all rules of a schema that is sound

Light: what rules need is loaded with the first schema that has some. Called by what validates
CustomResourceDefinitions. Upstream: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.settings import part
from sampan.machinery.errors import FIELD_NOT_SUPPORTED, FieldError
from sampan.machinery.paths import Path, invalid, required
from sampan.machinery.structural.field_paths import FieldPathError, resolve
from sampan.machinery.structural.schema import Structural, Tree

RULES = "x-kubernetes-validations"
_NEW_LINES = re.compile(r"[\n\r]")
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")


def shape_errors(schema: Tree, path: Path) -> Iterator[FieldError]:
    """What is wrong with the form of the rules of one node."""
    for index, rule in enumerate(schema.get(RULES) or ()):
        at = path.child(RULES).index(index)
        yield from _text_errors(rule, at)
        if rule.get("reason") is not None and rule["reason"] not in _REASONS:
            supported = ", ".join(f'"{reason}"' for reason in _REASONS)
            yield FieldError(
                FIELD_NOT_SUPPORTED, str(at.child("reason")), f"supported values: {supported}", rule["reason"]
            )
        yield from _field_path_errors(rule, schema, at.child("fieldPath"))


def _text_errors(rule: Mapping[str, Any], at: Path) -> Iterator[FieldError]:
    text, message = str(rule.get("rule") or ""), str(rule.get("message") or "")
    if not text.strip():
        yield required(at.child("rule"), "rule is not specified")
    elif message and not message.strip():
        yield invalid(at.child("message"), message, "must be non-empty if specified")
    elif _NEW_LINES.search(message.strip()):
        yield invalid(at.child("message"), message, "must not contain line breaks")
    elif _NEW_LINES.search(text.strip()) and not message.strip():
        yield required(at.child("message"), "message must be specified if rule contains line breaks")
    expression = rule.get("messageExpression")
    if expression and not expression.strip():
        yield required(at.child("messageExpression"), "messageExpression must be non-empty if specified")


def _field_path_errors(rule: Mapping[str, Any], schema: Tree, at: Path) -> Iterator[FieldError]:
    given = rule.get("fieldPath")
    if not given:
        return
    if not given.strip():
        yield invalid(at, given, "must be non-empty if specified")
    if _NEW_LINES.search(given):
        yield invalid(at, given, "must not contain line breaks")
    try:
        resolve(given, Structural(schema))
    except FieldPathError:
        yield invalid(at, given, "must be a valid path")


def expressions(schema: Any) -> Iterator[str]:
    """Every rule and message expression of a schema: those a definition already has may use what is newest."""
    if isinstance(schema, Mapping):
        for rule in schema.get(RULES) or ():
            yield from (str(rule[key]) for key in ("rule", "messageExpression") if rule.get(key))
        for child in schema.values():
            yield from expressions(child)
    elif isinstance(schema, list):
        for child in schema:
            yield from expressions(child)


class RuleAudit:
    """Compiles rules to see whether they do and what they cost."""

    def __init__(self, new: Environment, stored: Environment) -> None:
        """`new` is the environment of expressions that are new, `stored` that of those which were there before."""
        self._new, self._stored = new, stored

    def errors(
        self,
        schema: Tree,
        path: Path,
        sound: Callable[[Path], bool] = lambda path: True,
        known: frozenset[str] = frozenset(),
        unchanged: bool = False,
    ) -> list[FieldError]:
        """What is wrong with the rules below `path` (…openAPIV3Schema).

        `sound` tells of a node's path whether the schema there and below is without errors; others are passed over.
        `known` are expressions that were accepted before; `unchanged`: the whole schema was, so single costs are.
        """
        walk = part("rule_walk").Walk(self._new, self._stored, sound, known, unchanged)
        walk.node(Structural(schema, resource_root=True), path, "")
        found: list[FieldError] = walk.errors + walk.total_errors(path)
        return found
