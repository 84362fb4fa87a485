"""FlowSchema: which requests belong to which priority level. All versions are the same.

Rules and texts: k8s.io/kubernetes/pkg/apis/flowcontrol/validation.
"""

from collections.abc import Sequence
from datetime import datetime

from sampan.kinds.checks import SPEC, Errors, each
from sampan.kinds.columns import AGE, NAME, NONE, integer, text
from sampan.kinds.flowcontrol.common import GROUP, OLD, V1, validate_status
from sampan.kinds.prepare import STATUS_METADATA, fresh_status, in_metadata, keeping_metadata
from sampan.kinds.versions import versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.rules import Format, Required
from sampan.machinery.tree import get_path
from sampan.machinery.validation import (
    Path,
    check,
    dns_label,
    dns_subdomain,
    forbidden,
    invalid,
    not_supported,
    required,
)

_PRECEDENCE, _MAX_PRECEDENCE, _DEFAULT_PRECEDENCE = SPEC.child("matchingPrecedence"), 10_000, 1000
_METHODS = ("ByNamespace", "ByUser")
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
_SUBJECTS = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}
_NAMESPACE = "each member of this list must be '*' or a DNS-1123 label; "


def _default(spec: Object) -> None:
    if not spec.get("matchingPrecedence"):
        spec["matchingPrecedence"] = _DEFAULT_PRECEDENCE


def _validate(schema: Object) -> Errors:
    spec, name = schema["spec"], schema["metadata"].get("name") or ""
    yield from _precedence(spec.get("matchingPrecedence") or 0, name)
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in _METHODS:
        yield not_supported(SPEC.child("distinguisherMethod", "type"), method, _METHODS)
    yield from each(SPEC.child("rules"), spec.get("rules"), _rule)


def _precedence(precedence: int, name: str) -> Errors:
    if precedence <= 0:
        yield invalid(_PRECEDENCE, precedence, "must be a positive value")
    if precedence > _MAX_PRECEDENCE:
        yield invalid(_PRECEDENCE, precedence, f"must not be greater than {_MAX_PRECEDENCE}")
    if precedence == 1 and name != "exempt":
        yield invalid(_PRECEDENCE, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")


def _rule(rule: Object, path: Path) -> Errors:
    yield from each(path.child("subjects"), rule.get("subjects"), _subject)
    if not rule.get("subjects"):
        yield required(path.child("subjects"), "subjects must contain at least one value")
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        yield required(path, "at least one of resourceRules and nonResourceRules has to be non-empty")
    yield from each(path.child("resourceRules"), rule.get("resourceRules"), _resource_rule)
    yield from each(path.child("nonResourceRules"), rule.get("nonResourceRules"), _url_rule)


def _subject(subject: Object, path: Path) -> Errors:
    kind = subject.get("kind") or ""
    if kind not in _SUBJECTS:
        yield not_supported(path.child("kind"), kind, sorted(_SUBJECTS))
        return
    field = _SUBJECTS[kind]
    who, at = subject.get(field), path.child(field)
    if who is None:
        yield required(at, f"{field} is required when subject kind is '{kind}'")
    elif not (name := who.get("name")):
        yield required(at.child("name"))
    elif kind == "ServiceAccount" and name != "*":
        yield from check(at.child("name"), name, dns_subdomain(name))
    if who is not None and kind == "ServiceAccount":
        yield from _account_namespace(who.get("namespace") or "", at.child("namespace"))
    for other, its_field in _SUBJECTS.items():
        if other != kind and subject.get(its_field) is not None:
            yield forbidden(path.child(its_field), f"{its_field} is forbidden when subject kind is not '{other}'")


def _account_namespace(namespace: str, path: Path) -> Errors:
    if not namespace:
        yield required(path, "must specify namespace for service account")
    else:
        yield from check(path, namespace, dns_label(namespace))


def _listed(values: Sequence[str], path: Path, missing: str, what: str) -> Errors:
    if not values:
        yield required(path, missing)
    elif len(values) > 1 and "*" in values:
        yield invalid(path, values, f"if '*' is present, must not specify other {what}")


def _verbs(rule: Object, path: Path) -> Errors:
    verbs = rule.get("verbs") or []
    yield from _listed(verbs, path, "verbs must contain at least one value", "verbs")
    if "*" not in verbs and not set(verbs) <= set(_VERBS):
        yield not_supported(path, verbs, _VERBS)


def _url_rule(rule: Object, path: Path) -> Errors:
    yield from _verbs(rule, path.child("verbs"))
    urls, at = rule.get("nonResourceURLs") or [], path.child("nonResourceURLs")
    yield from _listed(urls, at, "nonResourceURLs must contain at least one value", "non-resource URLs")
    for index, url in enumerate(() if "*" in urls else urls):
        if wrong := _url_error(url):
            yield invalid(at.index(index), url, wrong)


def _url_error(url: str) -> str:
    if not url:
        return "must not be empty"
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    stars = url.count("*")
    return "wildcard can only do suffix matching" if stars > 1 or (stars and not url.endswith("/*")) else ""


def _resource_rule(rule: Object, path: Path) -> Errors:
    yield from _verbs(rule, path.child("verbs"))
    for field, one, many in (("apiGroups", "api group", "api groups"), ("resources", "resource", "resources")):
        missing = f"resource rules must supply at least one {one}"
        yield from _listed(rule.get(field) or [], path.child(field), missing, many)
    namespaces, at = rule.get("namespaces") or [], path.child("namespaces")
    if not namespaces and not rule.get("clusterScope"):
        yield required(at, "resource rules that are not cluster scoped must supply at least one namespace")
    elif len(namespaces) > 1 and "*" in namespaces:
        yield invalid(at, namespaces, "if '*' is present, must not specify other namespaces")
    for index, namespace in enumerate(() if "*" in namespaces else namespaces):
        yield from check(at.index(index), namespace, [_NAMESPACE + wrong for wrong in dns_label(namespace)])


def _dangling(schema: Object, now: datetime) -> str:
    conditions = get_path(schema, ("status", "conditions"), [])
    return next((c.get("status") or "" for c in conditions if c.get("type") == "Dangling"), "?")


KIND = Kind(
    name="FlowSchema",
    plural="flowschemas",
    versions=versions(GROUP, V1 + "FlowSchema", **OLD),
    namespaced=False,
    columns=(
        NAME,
        Column("PriorityLevel", text("spec", "priorityLevelConfiguration", "name"), description="The level."),
        Column("MatchingPrecedence", integer("spec", "matchingPrecedence"), description="The lowest is asked first."),
        Column(
            "DistinguisherMethod",
            text("spec", "distinguisherMethod", "type", default=NONE),
            description="By what requests are told apart.",
        ),
        AGE,
        Column("MissingPL", _dangling, description="Whether the level is missing."),
    ),
    prepare_create=fresh_status(),
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    validate=_validate,
    rules={
        V1 + "PriorityLevelConfigurationReference": {
            "name": (Required("must reference a priority level"), Format(dns_subdomain))
        }
    },
    validate_status_update=validate_status,
    default_functions={V1 + "FlowSchemaSpec": _default},
)
