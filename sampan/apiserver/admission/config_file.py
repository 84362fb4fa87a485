"""The file of --admission-control-config-file: AdmissionConfiguration, apiserver.config.k8s.io/v1, as objects.

Each plugin's configuration lies in the file itself or in one that it names. Called by cluster/; what the file may say
is upstream's, for the plugins that can be told anything: PodSecurity, ResourceQuota, EventRateLimit.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.admission.event_rate_limit.limits import TYPES, Limit
from sampan.apiserver.admission.pod_security.configuration import PodSecurityConfiguration
from sampan.apiserver.admission.pod_security.policy import LevelVersion, Policy, parse_level, parse_release
from sampan.apiserver.admission.resource_quota.limited import LimitedResource
from sampan.kinds.quota.scopes import term_of
from sampan.machinery.errors import BadRequest
from sampan.machinery.yamlio import parse_yaml

_GROUP = "apiserver.config.k8s.io/"
_Configure = Callable[[AdmissionConfiguration, Any], AdmissionConfiguration]


class ConfigFileError(ValueError):
    """The file says what can't be; the message names it and the place."""


def read(path: Path, base: AdmissionConfiguration) -> AdmissionConfiguration:
    """`base` with what the file says. Raises ConfigFileError, OSError."""
    tree = _load(path, "AdmissionConfiguration", _GROUP)
    for plugin in _listed(path, tree, "plugins"):
        name = plugin.get("name")
        configure = _PLUGINS.get(str(name))
        if configure is None:
            raise ConfigFileError(f"{path}: plugins: {name!r} takes no configuration")
        kind, prefix, function = configure
        if plugin.get("path"):
            own = _load(path.parent / plugin["path"], kind, prefix)
        else:
            own = _checked(path, plugin.get("configuration"), kind, prefix)
        try:
            base = function(base, own)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise ConfigFileError(f"{path}: {name}: {error}") from error
    return base


def _load(path: Path, kind: str, prefix: str) -> Mapping[str, Any]:
    try:
        tree = parse_yaml(path.read_bytes())
    except BadRequest as error:
        raise ConfigFileError(f"{path}: {error.message}") from error
    return _checked(path, tree, kind, prefix)


def _checked(path: Path, tree: Any, kind: str, prefix: str) -> Mapping[str, Any]:
    if not isinstance(tree, dict) or tree.get("kind") != kind or not str(tree.get("apiVersion")).startswith(prefix):
        raise ConfigFileError(f"{path}: a {kind} of {prefix}v1 is expected")
    return tree


def _listed(path: Path, tree: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    found = tree.get(field) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ConfigFileError(f"{path}: {field}: a list of objects is expected")
    return found


def _pod_security(base: AdmissionConfiguration, tree: Any) -> AdmissionConfiguration:
    defaults, exempt = tree.get("defaults") or {}, tree.get("exemptions") or {}

    def mode(name: str) -> LevelVersion:
        level = parse_level(defaults.get(name) or "privileged")
        return LevelVersion(level, parse_release(defaults.get(f"{name}-version") or "latest"))

    names = {field: frozenset(exempt.get(field) or ()) for field in ("usernames", "namespaces", "runtimeClasses")}
    policy = Policy(mode("enforce"), mode("audit"), mode("warn"))
    security = PodSecurityConfiguration(policy, names["usernames"], names["namespaces"], names["runtimeClasses"])
    return replace(base, pod_security=security)


def _resource_quota(base: AdmissionConfiguration, tree: Any) -> AdmissionConfiguration:
    limited = tuple(
        LimitedResource(
            one["resource"],
            one.get("apiGroup") or "",
            tuple(one.get("matchContains") or ()),
            tuple(map(term_of, one.get("matchScopes") or ())),
        )
        for one in tree.get("limitedResources") or ()
    )
    return replace(base, limited_resources=limited)


def _event_rate_limit(base: AdmissionConfiguration, tree: Any) -> AdmissionConfiguration:
    listed = tree.get("limits") or []
    if not listed:
        raise ValueError("limits: must not be empty")
    for one in listed:
        if one.get("type") not in TYPES:
            raise ValueError(f"limits: type: {one.get('type')!r} is none of {', '.join(TYPES)}")
    limits = (Limit(one["type"], int(one["qps"]), int(one["burst"]), int(one.get("cacheSize") or 0)) for one in listed)
    return replace(base, event_limits=tuple(limits))


_PLUGINS: dict[str, tuple[str, str, _Configure]] = {
    "PodSecurity": ("PodSecurityConfiguration", "pod-security.admission.config.k8s.io/", _pod_security),
    "ResourceQuota": ("ResourceQuotaConfiguration", _GROUP, _resource_quota),
    "EventRateLimit": ("Configuration", "eventratelimit.admission.k8s.io/", _event_rate_limit),
}
