"""RBAC policy rules as values: what one allows, and whether some rules cover others.

Pure. Matching is that of k8s.io/kubernetes/pkg/apis/rbac/v1 (evaluation helpers), covering that of
k8s.io/component-helpers/auth/rbac/validation.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from sampan.apiserver.authorization.attributes import Attributes

ALL = "*"


class Rule(NamedTuple):
    """A PolicyRule."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> "Rule":
        """From the JSON form."""
        return cls(
            tuple(tree.get("verbs") or ()),
            tuple(tree.get("apiGroups") or ()),
            tuple(tree.get("resources") or ()),
            tuple(tree.get("resourceNames") or ()),
            tuple(tree.get("nonResourceURLs") or ()),
        )

    def tree(self) -> dict[str, list[str]]:
        """The JSON form."""
        fields = {
            "apiGroups": self.groups,
            "nonResourceURLs": self.urls,
            "resourceNames": self.names,
            "resources": self.resources,
            "verbs": self.verbs,
        }
        return {name: list(values) for name, values in fields.items() if values}


def rules_of(role: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of a Role or ClusterRole."""
    return tuple(Rule.of(tree) for tree in role.get("rules") or ())


class RuleSet:
    """Many rules compiled for one question: allowed or not, in a dozen dict look-ups at most."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        # (verb, group, resource) -> the names it is limited to, or None for all names
        self._resources: dict[tuple[str, str, str], set[str] | None] = {}
        self._urls: dict[tuple[str, str], None] = {}
        self._url_prefixes: list[tuple[str, str]] = []
        for rule in rules:
            self._add(rule)

    def _add(self, rule: Rule) -> None:
        for place in product(rule.verbs, rule.groups, rule.resources):
            if not rule.names:
                self._resources[place] = None
            elif (names := self._resources.setdefault(place, set())) is not None:
                names.update(rule.names)
        for verb, url in product(rule.verbs, rule.urls):
            if url.endswith(ALL):
                self._url_prefixes.append((verb, url[:-1]))
            else:
                self._urls[verb, url] = None

    def allows(self, attributes: Attributes) -> bool:
        """Whether any rule allows the request."""
        if not attributes.is_resource:
            return self._allows_url(attributes.verb, attributes.path)
        resources = [ALL, attributes.full_resource]
        if attributes.subresource:
            resources.append(f"*/{attributes.subresource}")
        for place in product((ALL, attributes.verb), (ALL, attributes.group), resources):
            if place in self._resources:
                names = self._resources[place]
                if names is None or attributes.name in names:
                    return True
        return False

    def _allows_url(self, verb: str, path: str) -> bool:
        if (verb, path) in self._urls or (ALL, path) in self._urls:
            return True
        return any(v in (ALL, verb) and path.startswith(prefix) for v, prefix in self._url_prefixes)


def uncovered(wanted: Sequence[Rule], owned: Sequence[Rule]) -> list[Rule]:
    """The smallest rules of `wanted` that no rule of `owned` covers: what an escalation error lists."""
    unlike = [rule for rule in wanted if rule not in owned]
    return [part for rule in unlike for part in _smallest(rule) if not any(_covers(rule_, part) for rule_ in owned)]


def _smallest(rule: Rule) -> Iterator[Rule]:
    """One rule for each verb, group, resource and name (or URL)."""
    for verb, group, resource in product(rule.verbs, rule.groups, rule.resources):
        if rule.names:
            yield from (Rule((verb,), (group,), (resource,), (name,)) for name in rule.names)
        else:
            yield Rule((verb,), (group,), (resource,))
    for verb, url in product(rule.verbs, rule.urls):
        yield Rule((verb,), urls=(url,))


def _covers(owner: Rule, part: Rule) -> bool:
    if ALL not in owner.verbs and part.verbs[0] not in owner.verbs:
        return False
    if part.urls:
        return any(_covers_url(url, part.urls[0]) for url in owner.urls)
    if not owner.resources or (ALL not in owner.groups and part.groups[0] not in owner.groups):
        return False
    if not _covers_resource(owner.resources, part.resources[0]):
        return False
    return not owner.names or bool(part.names and part.names[0] in owner.names)


def _covers_resource(owned: Sequence[str], wanted: str) -> bool:
    if ALL in owned or wanted in owned:
        return True
    _, slash, subresource = wanted.partition("/")
    return bool(slash) and f"*/{subresource}" in owned


def _covers_url(owned: str, wanted: str) -> bool:
    return owned == wanted or (owned.endswith(ALL) and wanted.startswith(owned[:-1]))


def describe(rule: Rule) -> str:
    """A rule as escalation errors print it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`."""
    fields = [
        ("NonResourceURLs", rule.urls),
        ("APIGroups", rule.groups),
        ("Resources", rule.resources),
        ("ResourceNames", rule.names),
        ("Verbs", rule.verbs),
    ]
    shown = [f"{name}:[" + " ".join(f'"{v}"' for v in values) + "]" for name, values in fields if values]
    return "{" + ", ".join(shown) + "}"
