"""Role-based access control over the watch cache.

Bindings are indexed by subject and kept current from events; what a user may do is compiled on first use and forgotten
whenever any RBAC object changes. No request scans bindings.
Semantics: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sampan.apiserver.authentication.user import (
    GROUP_MASTERS,
    User,
    service_account_name,
    split_service_account,
)
from sampan.apiserver.authorization.attributes import Attributes, Decision
from sampan.apiserver.authorization.rules import Rule, RuleSet, rules_of
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, key_of

GROUP = "rbac.authorization.k8s.io"
ROLES = frozenset({"roles", "clusterroles"})
BINDINGS = frozenset({"rolebindings", "clusterrolebindings"})

_MAX_USERS = 2048  # compiled users that are remembered
_NO_RULES = RuleSet()
_EVERYTHING = (Rule(("*",), ("*",), ("*",)), Rule(("*",), urls=("*",)))


class Subject(NamedTuple):
    """A user or group by name; ServiceAccounts are users."""

    kind: str  # User or Group
    name: str


class _Binding(NamedTuple):
    namespace: str  # "" for cluster role bindings
    name: str
    role_kind: str
    role_name: str


class _Compiled(NamedTuple):
    cluster: RuleSet
    namespaces: dict[str, RuleSet]


class RBAC:
    """The authorizer. `apply` is fed by the watch cache with every change of the four RBAC kinds."""

    def __init__(self) -> None:
        self._roles: dict[Key, tuple[Rule, ...]] = {}  # cluster roles under namespace ""
        self._bindings: dict[Subject, set[_Binding]] = {}
        self._subjects: dict[tuple[str, Key], tuple[_Binding, frozenset[Subject]]] = {}
        self._compiled: dict[tuple[str, tuple[str, ...]], _Compiled] = {}

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

    def authorize(self, attributes: Attributes) -> Decision:
        """Whether the request is allowed. Members of system:masters may do everything."""
        if GROUP_MASTERS in attributes.user.groups:
            return Decision(True)
        compiled = self._rules_of(attributes.user)
        allowed = compiled.cluster.allows(attributes)
        if not allowed and attributes.namespace:
            allowed = compiled.namespaces.get(attributes.namespace, _NO_RULES).allows(attributes)
        return Decision(allowed)

    def explain(self, attributes: Attributes) -> Decision:
        """As `authorize`, with the binding that allows it in upstream's words; slower, for access reviews."""
        if not self.authorize(attributes).allowed:
            return Decision(False)
        for subject, binding in self._bindings_of(attributes.user):
            here = binding.namespace in ("", attributes.namespace)
            if here and RuleSet(self._role_rules(binding)).allows(attributes):
                return Decision(True, f"RBAC: allowed by {_describe(binding)} to {_describe_subject(subject)}")
        return Decision(True)

    def _rules_of(self, user: User) -> _Compiled:
        key = (user.name, user.groups)
        compiled = self._compiled.get(key)
        if compiled is None:
            if len(self._compiled) >= _MAX_USERS:
                self._compiled.clear()
            compiled = self._compiled[key] = self._compile(user)
        return compiled

    def _compile(self, user: User) -> _Compiled:
        by_namespace: dict[str, list[Rule]] = {}
        for _, binding in self._bindings_of(user):
            by_namespace.setdefault(binding.namespace, []).extend(self._role_rules(binding))
        cluster = RuleSet(by_namespace.pop("", ()))
        return _Compiled(cluster, {namespace: RuleSet(rules) for namespace, rules in by_namespace.items()})

    def _bindings_of(self, user: User) -> Iterator[tuple[Subject, _Binding]]:
        for subject in (Subject("User", user.name), *(Subject("Group", group) for group in user.groups)):
            for binding in sorted(self._bindings.get(subject, ())):
                yield subject, binding

    def _role_rules(self, binding: _Binding) -> tuple[Rule, ...]:
        home = "" if binding.role_kind == "ClusterRole" else binding.namespace
        return self._roles.get(Key(home, binding.role_name), ())

    def rules_for(self, user: User, namespace: str) -> list[Rule]:
        """All that the user may do in a namespace ("": cluster-wide only); for reviews and escalation checks."""
        unbound = _EVERYTHING if GROUP_MASTERS in user.groups else ()
        bindings = (binding for _, binding in self._bindings_of(user) if binding.namespace in ("", namespace))
        bound = [rule for binding in bindings for rule in self._role_rules(binding)]
        return [*(rule for rule in unbound if rule not in bound), *bound]

    def role_rules(self, role_kind: str, namespace: str, name: str) -> tuple[Rule, ...]:
        """The rules of the role that a binding refers to; raises NotFound."""
        home = "" if role_kind == "ClusterRole" else namespace
        rules = self._roles.get(Key(home, name))
        if rules is None:
            raise NotFound.of("roles" if home else "clusterroles", GROUP, name)
        return rules


def _describe(binding: _Binding) -> str:
    kind, name = (
        ("RoleBinding", f"{binding.name}/{binding.namespace}")
        if binding.namespace
        else (
            "ClusterRoleBinding",
            binding.name,
        )
    )
    return f'{kind} "{name}" of {binding.role_kind} "{binding.role_name}"'


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
