"""Role-based access control over the watch cache.

Bindings are indexed by subject and kept current from events; what a user may do is compiled on first use and forgotten
whenever any RBAC object changes. No request scans bindings.
Semantics: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sampan.apiserver.authentication.user import User, service_account_name, split_service_account
from sampan.apiserver.authorization.attributes import NO_OPINION, Attributes, Decision, Verdict
from sampan.apiserver.authorization.authorizer import Known
from sampan.apiserver.authorization.rules import Rule, RuleSet, rules_of
from sampan.machinery.aggregate import aggregated
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, key_of

GROUP = "rbac.authorization.k8s.io"
ROLES = frozenset({"roles", "clusterroles"})
BINDINGS = frozenset({"rolebindings", "clusterrolebindings"})

_MAX_USERS = 2048  # compiled users that are remembered
_Granted = tuple[Rule, Decision]  # a rule, and the yes that it is good for


class Subject(NamedTuple):
    """A user or group by name; ServiceAccounts are users."""

    kind: str  # User or Group
    name: str


class _Binding(NamedTuple):
    namespace: str  # "" for cluster role bindings
    name: str
    role_kind: str
    role_name: str


class _Scope(NamedTuple):
    """What a user may do by the bindings of one namespace, or of the cluster."""

    rules: RuleSet[Decision]
    missing: tuple[str, ...]  # roles that are bound and not there, each as the error that it is


_EMPTY = _Scope(RuleSet(), ())


class RBAC:
    """The authorizer. `apply` is fed by the watch cache with every change of the four RBAC kinds."""

    def __init__(self) -> None:
        self._roles: dict[Key, tuple[Rule, ...]] = {}  # cluster roles under namespace ""
        self._bindings: dict[Subject, set[_Binding]] = {}
        self._subjects: dict[tuple[str, Key], tuple[_Binding, frozenset[Subject]]] = {}
        self._compiled: dict[tuple[str, tuple[str, ...]], dict[str, _Scope]] = {}

    def apply(self, plural: str, key: Key, obj: Object | None) -> None:
        """A role or binding as it is now; None where it is gone."""
        if plural in ROLES:
            if obj is None:
                self._roles.pop(key, None)
            else:
                self._roles[key] = rules_of(obj)
        else:
            self._unbind(plural, key)
            if obj is not None:
                self._bind(plural, obj)
        self._compiled.clear()

    def _bind(self, plural: str, obj: Object) -> None:
        key, ref = key_of(obj), obj["roleRef"]
        binding = _Binding(key.namespace, key.name, ref["kind"], ref["name"])
        subjects = frozenset(_subjects(obj.get("subjects") or (), key.namespace))
        self._subjects[plural, key] = (binding, subjects)
        for subject in subjects:
            self._bindings.setdefault(subject, set()).add(binding)

    def _unbind(self, plural: str, key: Key) -> None:
        binding, subjects = self._subjects.pop((plural, key), (None, frozenset()))
        for subject in subjects:
            bindings = self._bindings[subject]
            bindings.discard(binding)
            if not bindings:
                del self._bindings[subject]

    def decide(self, attributes: Attributes) -> Decision:
        """A yes with its reason, or no opinion; the reason is then what roles are missing."""
        scopes = self._scopes_of(attributes.user)
        cluster = scopes.get("", _EMPTY)
        if (yes := cluster.rules.find(attributes)) is not None:
            return yes
        here = scopes.get(attributes.namespace, _EMPTY) if attributes.namespace else _EMPTY
        if (yes := here.rules.find(attributes)) is not None:
            return yes
        missing = aggregated((*cluster.missing, *here.missing))
        return Decision(Verdict.NO_OPINION, f"RBAC: {missing}") if missing else NO_OPINION

    def _scopes_of(self, user: User) -> dict[str, _Scope]:
        key = (user.name, user.groups)
        compiled = self._compiled.get(key)
        if compiled is None:
            if len(self._compiled) >= _MAX_USERS:
                self._compiled.clear()
            compiled = self._compiled[key] = self._compile(user)
        return compiled

    def _compile(self, user: User) -> dict[str, _Scope]:
        granted: dict[str, list[_Granted]] = {}
        missing: dict[str, list[str]] = {}
        for subject, binding in self._bindings_of(user):
            rules, error = self._rules_or_error(binding)
            reason = f"RBAC: allowed by {_describe(binding)} to {_describe_subject(subject)}"
            yes = Decision(Verdict.ALLOW, reason)
            granted.setdefault(binding.namespace, []).extend((rule, yes) for rule in rules)
            if error:
                missing.setdefault(binding.namespace, []).append(error)
        return {
            namespace: _Scope(RuleSet(pairs), tuple(missing.get(namespace, ()))) for namespace, pairs in granted.items()
        }

    def _bindings_of(self, user: User) -> Iterator[tuple[Subject, _Binding]]:
        for subject in (Subject("User", user.name), *(Subject("Group", group) for group in user.groups)):
            for binding in sorted(self._bindings.get(subject, ())):
                yield subject, binding

    def _rules_or_error(self, binding: _Binding) -> tuple[tuple[Rule, ...], str]:
        home = "" if binding.role_kind == "ClusterRole" else binding.namespace
        rules = self._roles.get(Key(home, binding.role_name))
        if rules is None:
            return (), NotFound.of(binding.role_kind.lower(), GROUP, binding.role_name).message
        return rules, ""

    def known_rules(self, user: User, namespace: str) -> Known:
        """All that the user may do in a namespace ("": cluster-wide only); for reviews and escalation checks."""
        bindings = sorted({binding for _, binding in self._bindings_of(user) if binding.namespace in ("", namespace)})
        found = [self._rules_or_error(binding) for binding in bindings]
        return Known([rule for rules, _ in found for rule in rules], False, aggregated(error for _, error in found))

    def role_rules(self, role_kind: str, namespace: str, name: str) -> tuple[Rule, ...]:
        """The rules of the role that a binding refers to; raises NotFound."""
        home = "" if role_kind == "ClusterRole" else namespace
        rules = self._roles.get(Key(home, name))
        if rules is None:
            raise NotFound.of("roles" if home else "clusterroles", GROUP, name)
        return rules


def _describe(binding: _Binding) -> str:
    of = f'of {binding.role_kind} "{binding.role_name}"'
    if binding.namespace:
        return f'RoleBinding "{binding.name}/{binding.namespace}" {of}'
    return f'ClusterRoleBinding "{binding.name}" {of}'


def _describe_subject(subject: Subject) -> str:
    if account := split_service_account(subject.name):
        return f'ServiceAccount "{account[1]}/{account[0]}"'
    return f'{subject.kind} "{subject.name}"'


def _subjects(trees: Iterable[Mapping[str, Any]], namespace: str) -> Iterator[Subject]:
    for tree in trees:
        if tree["kind"] == "ServiceAccount":
            yield Subject("User", service_account_name(tree.get("namespace") or namespace, tree["name"]))
        else:
            yield Subject(tree["kind"], tree["name"])
