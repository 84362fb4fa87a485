"""MutatingAdmissionPolicy: expressions that change an object before it is stored. Older versions are identical."""

from itertools import chain

from sampan.kinds.admissionregistration.expressions import Expressions
from sampan.kinds.admissionregistration.policies import (
    DEFAULTS,
    mutating_versions,
    policy_columns,
    policy_rules,
    same_conditions,
    validate_policy,
)
from sampan.kinds.admissionregistration.rules import (
    CATEGORIES,
    V1,
    static_name_warnings,
    validate_mutating_operations,
    validate_static_name,
)
from sampan.kinds.checks import SPEC, Errors
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Required
from sampan.machinery.validation import Path, invalid, required

_NAME = "MutatingAdmissionPolicy"
_MUTATIONS = SPEC.child("mutations")
# patch type -> the field with its expression, and what the expression makes
_PATCHES = {
    "ApplyConfiguration": ("applyConfiguration", "apply configuration"),
    "JSONPatch": ("jsonPatch", "json patch"),
}

_RULES: FieldRules = {
    V1 + "Mutation": {"patchType": (Required(), Enum())},
    **policy_rules(
        _NAME,
        mutations=Required("mutations must contain at least one item"),
        reinvocationPolicy=(Required(), Enum()),
    ),
}


def _validate(policy: Object, conditions_changed: bool = True) -> Errors:
    spec = policy["spec"]
    expressions = Expressions(params=spec.get("paramKind") is not None, variables=True)
    yield from validate_policy(spec, expressions, conditions_changed)
    yield from validate_mutating_operations(spec.get("matchConstraints"), SPEC.child("matchConstraints"))
    for index, mutation in enumerate(spec.get("mutations") or ()):
        yield from _mutation(mutation, expressions, _MUTATIONS.index(index))


def _mutation(mutation: Object, expressions: Expressions, path: Path) -> Errors:
    type_ = mutation.get("patchType") or ""
    if type_ not in _PATCHES:
        return
    field, result = _PATCHES[type_]
    if (patch := mutation.get(field)) is None:
        yield required(path.child(field), f"must be specified when patchType is {type_}")
    elif not (expression := (patch.get("expression") or "").strip()):
        yield required(path.child(field, "expression"))
    else:
        yield from expressions.check(expression, path.child(field, "expression"), result)
    for other, _ in _PATCHES.values():
        if other != field and mutation.get(other) is not None:
            detail = f"must not be specified when patchType is {type_}"
            yield invalid(path.child(other), f"{{{other}}}", detail)


KIND = Kind(
    name=_NAME,
    plural="mutatingadmissionpolicies",
    versions=mutating_versions(_NAME),
    namespaced=False,
    categories=CATEGORIES,
    columns=policy_columns("Mutations", "mutations", "How many changes it makes."),
    validate_create=lambda policy: chain(_validate(policy), validate_static_name(policy)),
    slow_validation=True,
    validate_update=lambda new, old: _validate(new, not same_conditions(new, old)),
    warnings=static_name_warnings,
    has_status=False,
    allow_unconditional_update=False,
    defaults=DEFAULTS,
    rules=_RULES,
)
