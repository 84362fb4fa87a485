"""Default Roles and RoleBindings of the system namespaces: leader election, bootstrap tokens, the client CA.

Names and rules: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy (namespace_policy.go).
"""

from typing import NamedTuple

from sampan.apiserver.authorization.rules import Rule
from sampan.machinery.meta import Object

_GROUP = "rbac.authorization.k8s.io"
_SYSTEM, _PUBLIC = "kube-system", "kube-public"
_READ, _LEAD = ("get", "list", "watch"), ("create", "get", "list", "update", "watch")
_EVENTS = Rule(("create", "patch", "update"), ("", "events.k8s.io"), ("events",))
_Subject = dict[str, str]


class _Grant(NamedTuple):
    """A Role, and to whom it is bound. The binding is called like the role but for one."""

    namespace: str
    name: str
    rules: tuple[Rule, ...]
    subjects: tuple[_Subject, ...]
    binding: str = ""


def roles() -> list[Object]:
    """The Roles."""
    return [
        _object("Role", grant.namespace, grant.name) | {"rules": [rule.tree() for rule in grant.rules]}
        for grant in _grants()
    ]


def bindings() -> list[Object]:
    """The RoleBindings."""
    return [
        _object("RoleBinding", grant.namespace, grant.binding or grant.name)
        | {"roleRef": {"apiGroup": _GROUP, "kind": "Role", "name": grant.name}, "subjects": list(grant.subjects)}
        for grant in _grants()
    ]


def _grants() -> tuple[_Grant, ...]:
    manager, scheduler = _user("system:kube-controller-manager"), _user("system:kube-scheduler")
    reader = "extension-apiserver-authentication-reader"
    read_ca = Rule(_READ, ("",), ("configmaps",), ("extension-apiserver-authentication",))
    secrets, config_maps = Rule(_READ, ("",), ("secrets",)), Rule(_READ, ("",), ("configmaps",))
    clean = Rule(("delete", *_READ), ("",), ("secrets",))
    provide = Rule(("create", *_READ), ("",), ("configmaps",))
    sign = Rule(("update",), ("",), ("configmaps",), ("cluster-info",))
    signer, signers = "system:controller:bootstrap-signer", (_account("bootstrap-signer"),)
    return (
        _Grant(_SYSTEM, reader, (read_ca,), (manager, scheduler), f"system::{reader}"),
        _Grant(_SYSTEM, signer, (secrets,), signers),
        _Grant(_SYSTEM, "system:controller:cloud-provider", (provide,), (_account("cloud-provider"),)),
        _Grant(_SYSTEM, "system:controller:token-cleaner", (clean, _EVENTS), (_account("token-cleaner"),)),
        _leader_locking("kube-controller-manager", manager, "leader-election-controller"),
        _leader_locking("kube-scheduler", scheduler),
        _Grant(_PUBLIC, signer, (config_maps, sign, _EVENTS), signers),
    )


def _leader_locking(component: str, user: _Subject, *others: str) -> _Grant:
    rules = tuple(Rule(_LEAD, ("coordination.k8s.io",), (plural,)) for plural in ("leases", "leasecandidates"))
    subjects = (user, *map(_account, (component, *others)))
    return _Grant(_SYSTEM, f"system::leader-locking-{component}", rules, subjects)


def _user(name: str) -> _Subject:
    return {"apiGroup": _GROUP, "kind": "User", "name": name}


def _account(name: str) -> _Subject:
    return {"kind": "ServiceAccount", "name": name, "namespace": _SYSTEM}


def _object(kind: str, namespace: str, name: str) -> Object:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
    }
