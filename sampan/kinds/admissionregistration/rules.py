"""Which requests webhooks and policies are asked about: rules of operations and resources, and match conditions.

Rules and texts: k8s.io/kubernetes/pkg/apis/admissionregistration/validation.
"""

from collections.abc import Iterator, Sequence

from sampan.kinds.admissionregistration.expressions import Expressions
from sampan.kinds.checks import Errors, supported
from sampan.machinery.meta import Object
from sampan.machinery.rules import Each, Enum, FieldRules, Format, Required, Rules, Unique
from sampan.machinery.validation import (
    Path,
    check,
    duplicate,
    invalid,
    path_segment,
    qualified_name,
    required,
    too_many,
)

GROUP = "admissionregistration.k8s.io"
CATEGORIES = ("api-extensions",)
_MUTATING_OPERATIONS = ("*", "CONNECT", "CREATE", "UPDATE")  # what is deleted can't be changed
_MAX_CONDITIONS = 64
_STATIC = ".static.k8s.io"

V1 = "io.k8s.api.admissionregistration.v1."
OPERATION_RULES: Rules = {"operations": (Required(), Each(Enum())), "scope": Enum()}
MATCH_RULES: FieldRules = {
    V1 + "MatchResources": {
        "matchPolicy": (Required(), Enum()),
        "namespaceSelector": Required(),
        "objectSelector": Required(),
    },
    V1 + "NamedRuleWithOperations": {**OPERATION_RULES, "resourceNames": (Each(Format(path_segment)), Unique())},
}


def validate_static_name(obj: Object) -> Errors:
    """Some names are kept for what comes from files on the server."""
    name = obj["metadata"].get("name") or ""
    for text in static_name_warnings(obj):
        yield invalid("metadata.name", name, text.removeprefix("metadata.name: "))


def static_name_warnings(obj: Object) -> Iterator[str]:
    """The same of an object that has such a name already."""
    if (obj["metadata"].get("name") or "").endswith(_STATIC):
        yield (
            f'metadata.name: names ending with "{_STATIC}" are reserved for static manifest-based configurations '
            "and cannot be managed via the API"
        )


def validate_rule(rule: Object, path: Path) -> Errors:
    """A RuleWithOperations."""
    operations, detail = rule.get("operations") or [], "if '*' is present, must not specify other operations"
    yield from _alone(operations, path.child("operations"), detail)
    yield from _groups_and_versions(rule, path)
    yield from _resources(rule.get("resources") or [], path.child("resources"))


def _alone(values: Sequence[str], path: Path, detail: str) -> Errors:
    if len(values) > 1 and "*" in values:
        yield invalid(path, values, detail)


def _groups_and_versions(rule: Object, path: Path) -> Errors:
    for field, what in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values, at = rule.get(field) or [], path.child(field)
        if not values:
            yield required(at)
        yield from _alone(values, at, f"if '*' is present, must not specify other {what}")
        if field == "apiVersions":
            yield from (required(at.index(index)) for index, version in enumerate(values) if not version)


def _resources(resources: Sequence[str], path: Path) -> Errors:
    """Resources with their subresources, `x/y`, none of which is part of another."""
    if not resources:
        yield required(path)
    any_subresource: set[str] = set()
    any_resource: set[str] = set()
    for index, text in enumerate(resources):
        resource, slash, subresource = text.partition("/")
        if not text:
            yield required(path.index(index))
        if not slash:
            continue
        if resource in any_subresource:
            yield invalid(path.index(index), text, f"if '{resource}/*' is present, must not specify {text}")
        if subresource in any_resource:
            yield invalid(path.index(index), text, f"if '*/{subresource}' is present, must not specify {text}")
        any_subresource |= {resource} if subresource == "*" else set()
        any_resource |= {subresource} if resource == "*" else set()
    yield from _wildcards(resources, path)


def _wildcards(resources: Sequence[str], path: Path) -> Errors:
    if len(resources) > 1 and "*/*" in resources:
        yield invalid(path, resources, "if '*/*' is present, must not specify other resources")
    plain = [text for text in resources if text and "/" not in text]
    if "*" in plain and plain[-1] != "*":  # upstream looks at the last one only
        yield invalid(path, resources, "if '*' is present, must not specify other resources without subresources")


def validate_mutating_operations(resources: Object | None, path: Path) -> Errors:
    """The rules of a policy that changes objects."""
    for rule in (resources or {}).get("resourceRules") or ():
        for operation in rule.get("operations") or ():
            yield from supported(path.child("resourceRules", "operations"), operation, _MUTATING_OPERATIONS)


def validate_match_conditions(conditions: Sequence[Object], path: Path, *, params: bool = False) -> Errors:
    """Named expressions, all of which must hold."""
    if len(conditions) > _MAX_CONDITIONS:
        yield too_many(path, len(conditions), _MAX_CONDITIONS)
    seen: set[str] = set()
    expressions = Expressions(params=params)
    for index, condition in enumerate(conditions):
        name, expression, at = condition.get("name") or "", condition.get("expression") or "", path.index(index)
        if not expression.strip():
            yield required(at.child("expression"))
        else:
            yield from expressions.check(expression.strip(), at.child("expression"), "bool")
        if not name:
            yield required(at.child("name"))
            continue
        yield from check(at.child("name"), name, qualified_name(name))
        if name in seen:
            yield duplicate(at.child("name"), name)
        seen.add(name)
