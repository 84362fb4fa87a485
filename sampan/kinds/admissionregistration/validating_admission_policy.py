"""ValidatingAdmissionPolicy: expressions that may refuse a request. v1beta1 is identical."""

from itertools import chain

from sampan.kinds.admissionregistration.expressions import Expressions
from sampan.kinds.admissionregistration.policies import (
    DEFAULTS,
    no_line_breaks,
    policy_columns,
    policy_rules,
    same_conditions,
    validate_policy,
)
from sampan.kinds.admissionregistration.rules import (
    CATEGORIES,
    GROUP,
    V1,
    static_name_warnings,
    validate_static_name,
)
from sampan.kinds.checks import SPEC, Errors, supported
from sampan.kinds.conditions import validate_conditions
from sampan.kinds.prepare import STATUS_METADATA, fresh_status, in_metadata, keeping_metadata
from sampan.kinds.versions import versions
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, check, duplicate, invalid, qualified_name, required

_NAME = "ValidatingAdmissionPolicy"
_VALIDATIONS, _ANNOTATIONS = SPEC.child("validations"), SPEC.child("auditAnnotations")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_MAX_ANNOTATIONS, _MAX_ANNOTATION = 20, 5 * 1024
_NOTHING = "validations or auditAnnotations must contain at least one item"
_STATUS = Path("status")


def _validate(policy: Object, conditions_changed: bool = True) -> Errors:
    spec = policy["spec"]
    expressions = Expressions(params=spec.get("paramKind") is not None, variables=bool(spec.get("variables")))
    yield from validate_policy(spec, expressions, conditions_changed)
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        yield required(_VALIDATIONS, _NOTHING)
        yield required(_ANNOTATIONS, _NOTHING)
        return
    for index, validation in enumerate(spec.get("validations") or ()):
        yield from _validation(validation, expressions, _VALIDATIONS.index(index))
    yield from _annotations(policy, expressions)


def _validation(validation: Object, expressions: Expressions, path: Path) -> Errors:
    expression, message = validation.get("expression") or "", validation.get("message") or ""
    if not expression.strip():
        yield required(path.child("expression"), "expression is not specified")
    else:
        yield from expressions.check(expression, path.child("expression"), "bool")
    if told := validation.get("messageExpression"):
        at = path.child("messageExpression")
        if not told.strip():
            yield invalid(at, told, "must be non-empty if specified")
        else:
            yield from expressions.check(told, at, "string", authorizer=False)
    if message and not message.strip():
        yield invalid(path.child("message"), message, "must be non-empty if specified")
    elif not no_line_breaks(message.strip()):
        yield invalid(path.child("message"), message, "must not contain line breaks")
    yield from supported(path.child("reason"), validation.get("reason"), _REASONS)


def _annotations(policy: Object, expressions: Expressions) -> Errors:
    annotations, seen = policy["spec"].get("auditAnnotations") or [], set()
    if len(annotations) > _MAX_ANNOTATIONS:
        yield invalid(_ANNOTATIONS, annotations, f"must not have more than {_MAX_ANNOTATIONS} auditAnnotations")
    for index, annotation in enumerate(annotations):
        path, key = _ANNOTATIONS.index(index), annotation.get("key") or ""
        yield from _annotation_key(policy["metadata"].get("name") or "", key, path.child("key"))
        yield from _annotation_value(annotation.get("valueExpression") or "", expressions, path)
        if key in seen:
            yield duplicate(path.child("key"), key)
        seen.add(key)


def _annotation_key(name: str, key: str, path: Path) -> Errors:
    if not name:
        yield invalid(path, key, "requires metadata.name be non-empty")
    else:
        yield from check(path, f"{name}/{key}", qualified_name(f"{name}/{key}"))


def _annotation_value(expression: str, expressions: Expressions, path: Path) -> Errors:
    at, trimmed = path.child("valueExpression"), expression.strip()
    if not trimmed:
        yield required(at, "valueExpression is not specified")
    elif len(trimmed.encode(errors="replace")) > _MAX_ANNOTATION:
        yield required(at, f"must not exceed {_MAX_ANNOTATION} bytes in length")
    else:
        yield from expressions.check(trimmed, at, "string or null")


def _validate_status_update(new: Object, old: Object) -> Errors:
    warnings = get_path(new, ("status", "typeChecking", "expressionWarnings"), [])
    for index, warning in enumerate(warnings):
        path, ref = _STATUS.child("typeChecking", "expressionWarnings").index(index), warning.get("fieldRef") or ""
        if not warning.get("warning"):
            yield required(path.child("warning"))
        if not ref.strip():
            yield required(path.child("fieldRef"))
    yield from validate_conditions(get_path(new, ("status", "conditions"), []), _STATUS.child("conditions"))


KIND = Kind(
    name=_NAME,
    plural="validatingadmissionpolicies",
    versions=versions(GROUP, V1 + _NAME, v1beta1=("1.31", "1.34"), v1alpha1=("1.29", "1.32")),
    namespaced=False,
    categories=CATEGORIES,
    columns=policy_columns("Validations", "validations", "How many rules it has."),
    prepare_create=fresh_status(),
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    validate_create=lambda policy: chain(_validate(policy), validate_static_name(policy)),
    slow_validation=True,
    validate_update=lambda new, old: _validate(new, not same_conditions(new, old)),
    validate_status_update=_validate_status_update,
    warnings=static_name_warnings,
    allow_unconditional_update=False,
    defaults=DEFAULTS,
    rules=policy_rules(_NAME),
)
