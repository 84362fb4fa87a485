"""Which requests are audited, and how closely: the first rule that matches says so. Pure.

Rules: k8s.io/apiserver/pkg/audit/policy/checker.go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sampan.apiserver.audit.level import Level, Stage
from sampan.apiserver.authentication.user import User
from sampan.apiserver.requestinfo import RequestInfo


class AuditConfig(NamedTuple):
    """How one request is audited."""

    level: Level
    omit_stages: frozenset[Stage] = frozenset()
    omit_managed_fields: bool = False


@dataclass(frozen=True, slots=True)
class GroupResources:
    """Resources of a group; "*" is every group, no resources are all of them."""

    group: str = ""
    resources: Sequence[str] = ()
    names: frozenset[str] = frozenset()

    def matches(self, info: RequestInfo) -> bool:
        """Whether the request is about one of them: `pods`, `pods/log`, `pods/*`, `*/scale` or `*`."""
        if self.group not in ("*", info.group):
            return False
        if not self.resources:
            return True
        return (not self.names or info.name in self.names) and any(_matches(one, info) for one in self.resources)


def _matches(resource: str, info: RequestInfo) -> bool:
    whole = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if resource in ("*", whole):
        return True
    if info.subresource and resource == f"*/{info.subresource}":
        return True
    return resource == f"{info.resource}/*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule; what it does not name, it does not ask for."""

    level: Level
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    resources: Sequence[GroupResources] = ()
    urls: Sequence[str] = ()
    omit_stages: frozenset[Stage] = frozenset()
    omit_managed_fields: bool | None = None

    def matches(self, user: User | None, info: RequestInfo) -> bool:
        """Whether the request is one that the rule is for; `user` is None where nobody could be authenticated."""
        if self.users and (user is None or user.name not in self.users):
            return False
        if self.groups and (user is None or self.groups.isdisjoint(user.groups)):
            return False
        if self.verbs and info.verb not in self.verbs:
            return False
        if self.namespaces or self.resources:
            return info.is_resource and self._matches_resource(info)
        return not self.urls or (not info.is_resource and any(_matches_path(url, info.path) for url in self.urls))

    def _matches_resource(self, info: RequestInfo) -> bool:
        if self.namespaces and info.namespace not in self.namespaces:
            return False
        return not self.resources or any(one.matches(info) for one in self.resources)


def _matches_path(url: str, path: str) -> bool:
    return url in ("*", path) or (url.endswith("*") and path.startswith(url.rstrip("*")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of a server, in their order."""

    rules: Sequence[Rule]
    omit_stages: frozenset[Stage] = frozenset()
    omit_managed_fields: bool = False
    _configs: Sequence[AuditConfig] = field(init=False)

    def __post_init__(self) -> None:
        configs = [
            AuditConfig(
                rule.level,
                rule.omit_stages | self.omit_stages,
                self.omit_managed_fields if rule.omit_managed_fields is None else rule.omit_managed_fields,
            )
            for rule in self.rules
        ]
        object.__setattr__(self, "_configs", configs)

    def evaluate(self, user: User | None, info: RequestInfo) -> AuditConfig:
        """How a request is audited; where no rule matches it is not."""
        for rule, config in zip(self.rules, self._configs, strict=True):
            if rule.matches(user, info):
                return config
        return AuditConfig(Level.NONE, self.omit_stages, self.omit_managed_fields)
