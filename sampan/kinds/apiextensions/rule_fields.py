"""The fields of x-kubernetes-validations, the rule's text aside: messages, reason, field path.

Whether a rule compiles, and what it costs, is the CEL package's. Called by schema_validation.py.
Upstream: ValidateCustomResourceDefinitionOpenAPISchema.
"""

from collections.abc import Iterator

from sampan.machinery.errors import FieldError
from sampan.machinery.structural.field_paths import FieldPathError, resolve
from sampan.machinery.structural.schema import Structural, Tree
from sampan.machinery.validation import Path, invalid, not_supported, required

Errors = Iterator[FieldError]

_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")


def rule_errors(schema: Tree, path: Path) -> Errors:
    """What is wrong with the rules of one schema."""
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        at = path.index(index)
        yield from _texts(rule, at)
        if rule.get("reason") is not None and rule["reason"] not in _REASONS:
            yield not_supported(at.child("reason"), rule["reason"], _REASONS)
        if field := rule.get("fieldPath") or "":
            yield from _field_path(field, schema, at.child("fieldPath"))


def _texts(rule: Tree, path: Path) -> Errors:
    text, message = rule.get("rule") or "", rule.get("message") or ""
    if not text.strip():
        yield required(path.child("rule"), "rule is not specified")
    elif message and not message.strip():
        yield invalid(path.child("message"), message, "must be non-empty if specified")
    elif _has_newline(message.strip()):
        yield invalid(path.child("message"), message, "must not contain line breaks")
    elif _has_newline(text.strip()) and not message.strip():
        yield required(path.child("message"), "message must be specified if rule contains line breaks")
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        yield required(path.child("messageExpression"), "messageExpression must be non-empty if specified")


def _has_newline(text: str) -> bool:
    return "\n" in text or "\r" in text


def _field_path(field: str, schema: Tree, path: Path) -> Errors:
    if not field.strip():
        yield invalid(path, field, "must be non-empty if specified")
    if _has_newline(field):
        yield invalid(path, field, "must not contain line breaks")
    try:
        resolve(field, Structural(schema))
    except FieldPathError:
        yield invalid(path, field, "must be a valid path")
