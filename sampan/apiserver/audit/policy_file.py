"""The file of --audit-policy-file: a Policy of audit.k8s.io/v1.

Rules and texts: k8s.io/apiserver/pkg/audit/policy/reader.go, pkg/apis/audit/validation. Unknown fields are warned of
only, as upstream falls back to lenient decoding.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sampan.apiserver.audit.level import BY_LABEL, Stage
from sampan.apiserver.audit.policy import GroupResources, Policy, Rule
from sampan.machinery.aggregate import aggregated
from sampan.machinery.component_config import Malformed, held_to, parse
from sampan.machinery.errors import FIELD_INVALID, FIELD_NOT_SUPPORTED, FIELD_REQUIRED, FieldError
from sampan.machinery.names import dns_subdomain

log = logging.getLogger(__name__)

_GROUP_RESOURCES = {"group": str, "resources": [str], "resourceNames": [str]}
_RULE: Mapping[str, Any] = {
    "level": str,
    "users": [str],
    "userGroups": [str],
    "verbs": [str],
    "resources": [_GROUP_RESOURCES],
    "namespaces": [str],
    "nonResourceURLs": [str],
    "omitStages": [str],
    "omitManagedFields": bool,
}
_SHAPE = {"metadata": {}, "rules": [_RULE], "omitStages": [str], "omitManagedFields": bool}
_STAGES = tuple(Stage)
_BOTH = "rules cannot apply to both regular resources and non-resource URLs"


class PolicyFileError(ValueError):
    """The file can't be used; str() says why, in upstream's words."""


def read(path: Path) -> Policy:
    """The policy in a file. Raises PolicyFileError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        why = f"open {path}: {(error.strerror or str(error)).lower()}"
        raise PolicyFileError(f'loading audit policy file: failed to read file path "{path}": {why}') from error
    try:
        return policy_of(text)
    except PolicyFileError as error:
        raise PolicyFileError(f"loading audit policy file: {error}: from file {path}") from error


def policy_of(text: bytes) -> Policy:
    """The policy in a text. Raises PolicyFileError."""
    try:
        tree, problems = parse(text) if text.strip() else ({}, [])
        version, kind = tree.get("apiVersion") or "", tree.get("kind") or ""
        if (version, kind) != ("audit.k8s.io/v1", "Policy"):
            raise PolicyFileError(_unknown(version, kind))
        fields, unknown = held_to(tree, _SHAPE)
    except Malformed as error:
        raise PolicyFileError(f"failed decoding: {error}") from error
    if problems := problems + unknown:
        told = "Audit policy contains errors, falling back to lenient decoding: strict decoding error: %s"
        log.warning(told, ", ".join(problems))
    if errors := aggregated(_errors(fields)):
        raise PolicyFileError(errors)
    if not fields.get("rules"):
        raise PolicyFileError("loaded illegal policy with 0 rules")
    return Policy(
        rules=[_rule(one) for one in fields["rules"]],
        omit_stages=_stages(fields),
        omit_managed_fields=fields.get("omitManagedFields", False),
    )


def _unknown(version: Any, kind: Any) -> str:
    group, _, version = str(version).rpartition("/")
    if kind and version and (group != "audit.k8s.io" or kind != "Policy"):
        return f'failed decoding: no kind "{kind}" is registered for version "{group}/{version}" in scheme'
    return f"unknown group version field {group}/{version}, Kind={kind} in policy"


def _rule(tree: Mapping[str, Any]) -> Rule:
    def names(field: str) -> frozenset[str]:
        return frozenset(tree.get(field) or ())

    return Rule(
        level=BY_LABEL[tree["level"]],
        users=names("users"),
        groups=names("userGroups"),
        verbs=names("verbs"),
        namespaces=names("namespaces"),
        resources=[
            GroupResources(one.get("group", ""), one.get("resources") or (), frozenset(one.get("resourceNames") or ()))
            for one in tree.get("resources") or ()
        ],
        urls=tree.get("nonResourceURLs") or (),
        omit_stages=_stages(tree),
        omit_managed_fields=tree.get("omitManagedFields"),
    )


def _stages(tree: Mapping[str, Any]) -> frozenset[Stage]:
    return frozenset(map(Stage, tree.get("omitStages") or ()))


def _errors(policy: Mapping[str, Any]) -> Iterator[FieldError]:
    yield from _stage_errors(policy, "omitStages")
    for at, rule in enumerate(policy.get("rules") or ()):
        path = f"rules[{at}]"
        yield from _level_errors(rule.get("level", ""), f"{path}.level")
        yield from _url_errors(rule.get("nonResourceURLs") or (), f"{path}.nonResourceURLs")
        yield from _resource_errors(rule.get("resources") or (), f"{path}.resources")
        yield from _stage_errors(rule, f"{path}.omitStages")
        if rule.get("nonResourceURLs") and (rule.get("resources") or rule.get("namespaces")):
            yield FieldError(FIELD_INVALID, f"{path}.nonResourceURLs", _BOTH, rule["nonResourceURLs"])


def _level_errors(level: str, path: str) -> Iterator[FieldError]:
    if not level:
        yield FieldError(FIELD_REQUIRED, path)
    elif level not in BY_LABEL:
        listed = ", ".join(f'"{label}"' for label in BY_LABEL)
        yield FieldError(FIELD_NOT_SUPPORTED, path, f"supported values: {listed}", level)


def _url_errors(urls: Sequence[str], path: str) -> Iterator[FieldError]:
    for at, url in enumerate(urls):
        if url == "*":
            continue
        if not url.startswith("/"):
            why = "non-resource URL rules must begin with a '/' character"
            yield FieldError(FIELD_INVALID, f"{path}[{at}]", why, url)
        if "*" in url[:-1]:
            why = "non-resource URL wildcards '*' must be the final character of the rule"
            yield FieldError(FIELD_INVALID, f"{path}[{at}]", why, url)


def _resource_errors(resources: Sequence[Mapping[str, Any]], path: str) -> Iterator[FieldError]:
    for one in resources:
        group, names = one.get("group", ""), one.get("resourceNames") or []
        if group not in ("", "*") and (wrong := dns_subdomain(group)):
            yield FieldError(FIELD_INVALID, f"{path}.group", ",".join(wrong), group)
        if names and not one.get("resources"):
            why = "using resourceNames requires at least one resource"
            yield FieldError(FIELD_INVALID, f"{path}.resourceNames", why, names)


def _stage_errors(tree: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    for at, stage in enumerate(tree.get("omitStages") or ()):
        if stage not in _STAGES:
            yield FieldError(FIELD_INVALID, f"{path}[{at}]", f"allowed stages are {','.join(_STAGES)}", stage)
