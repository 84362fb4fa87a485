"""RBAC policy rules as values: what one allows, and whether some rules cover others.

Pure. Matching is that of k8s.io/kubernetes/pkg/apis/rbac/v1 (evaluation helpers), covering that of
k8s.io/component-helpers/auth/rbac/validation.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Generic, NamedTuple, TypeVar

from sampan.apiserver.authorization.attributes import Attributes

ALL = "*"

T = TypeVar("T")


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


class RuleSet(Generic[T]):
    """Many rules compiled for one question: what allows this, found in a dozen dict look-ups at most.

    Each rule comes with what `find` returns where it allows a request.
    """

    def __init__(self, granted: Iterable[tuple[Rule, T]] = ()) -> None:
        # (verb, group, resource) -> what allows it for single names, and under None for all
        self._resources: dict[tuple[str, str, str], dict[str | None, T]] = {}
        self._urls: dict[tuple[str, str], T] = {}
        self._url_prefixes: list[tuple[str, str, T]] = []
        for rule, grant in granted:
            self._add(rule, grant)

    def _add(self, rule: Rule, grant: T) -> None:
        for place in product(rule.verbs, rule.groups, rule.resources):
            known = self._resources.setdefault(place, {})
            for name in rule.names or (None,):
                known.setdefault(name, grant)
        for verb, url in product(rule.verbs, rule.urls):
            if url.endswith(ALL):
                self._url_prefixes.append((verb, url.rstrip(ALL), grant))
            else:
                self._urls.setdefault((verb, url), grant)

    def find(self, attributes: Attributes) -> T | None:
        """What allows the request; None where nothing does."""
        if not attributes.is_resource:
            return self._find_url(attributes.verb, attributes.path)
        resources: tuple[str, ...] = (attributes.resource, ALL)
        if attributes.subresource:
            resources = (attributes.full_resource, ALL, f"*/{attributes.subresource}")
        for place in product((attributes.verb, ALL), (attributes.group, ALL), resources):
            if (known := self._resources.get(place)) is not None:
                grant = known.get(None) or known.get(attributes.name)
                if grant is not None:
                    return grant
        return None

    def _find_url(self, verb: str, path: str) -> T | None:
        for place in ((verb, path), (ALL, path)):
            if place in self._urls:
                return self._urls[place]
        below = (one for one in self._url_prefixes if one[0] in (ALL, verb) and path.startswith(one[1]))
        return next((grant for _, _, grant in below), None)


def uncovered(wanted: Sequence[Rule], owned: Sequence[Rule]) -> list[Rule]:
    """The smallest rules of `wanted` that no rule of `owned` covers."""
    unlike = [rule for rule in wanted if rule not in owned]
    return [part for rule in unlike for part in _smallest(rule) if not any(_covers(rule_, part) for rule_ in owned)]


def compacted(parts: Iterable[Rule]) -> list[Rule]:
    """Smallest rules joined again where they differ in the verb only.

    Rule: k8s.io/kubernetes/pkg/registry/rbac/validation (CompactRules).
    """
    joined: dict[Rule, list[str]] = {}
    urls = []
    for part in parts:
        if part.urls:
            urls.append(part)
        else:
            joined.setdefault(part._replace(verbs=()), []).extend(part.verbs)
    return [*urls, *(rule._replace(verbs=tuple(verbs)) for rule, verbs in joined.items())]


def _smallest(rule: Rule) -> Iterator[Rule]:
    """One rule for each verb, group, resource and name (or URL)."""
    for group, resource, verb in product(rule.groups, rule.resources, rule.verbs):
        if rule.names:
            yield from (Rule((verb,), (group,), (resource,), (name,)) for name in rule.names)
        else:
            yield Rule((verb,), (group,), (resource,))
    for url, verb in product(rule.urls, rule.verbs):
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
    return owned == wanted or (owned.endswith(ALL) and wanted.startswith(owned.rstrip(ALL)))


def describe(rule: Rule) -> str:
    """A rule as escalation errors print it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`."""
    fields = [
        ("APIGroups", rule.groups),
        ("Resources", rule.resources),
        ("NonResourceURLs", rule.urls),
        ("ResourceNames", rule.names),
        ("Verbs", rule.verbs),
    ]
    shown = [f"{name}:[" + " ".join(f'"{v}"' for v in values) + "]" for name, values in fields if values]
    return "{" + ", ".join(shown) + "}"
