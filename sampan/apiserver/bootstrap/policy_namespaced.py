"""Default Roles and RoleBindings of the system namespaces: leader election, and who may read the client CA."""

from sampan.apiserver.authorization.rules import Rule
from sampan.machinery.meta import Object

_GROUP = "rbac.authorization.k8s.io"
_READER = "extension-apiserver-authentication-reader"


def roles() -> list[Object]:
    """The Roles."""
    read_ca = Rule(("get", "list", "watch"), ("",), ("configmaps",), ("extension-apiserver-authentication",))
    return [
        _object("Role", _READER) | {"rules": [read_ca.tree()]},
        *(_leader_locking(component) for component in ("kube-controller-manager", "kube-scheduler")),
    ]


def bindings() -> list[Object]:
    """The RoleBindings."""
    components = ("kube-controller-manager", "kube-scheduler")
    readers = [_user(f"system:{component}") for component in components]
    return [
        _binding(f"system::{_READER}", _READER, readers),
        *(
            _binding(f"system::leader-locking-{component}", f"system::leader-locking-{component}", [reader])
            for component, reader in zip(components, readers, strict=True)
        ),
    ]


def _leader_locking(component: str) -> Object:
    rules = [
        Rule(("watch",), ("",), ("configmaps",)),
        Rule(("get", "update"), ("",), ("configmaps",), (component,)),
    ]
    return _object("Role", f"system::leader-locking-{component}") | {"rules": [rule.tree() for rule in rules]}


def _binding(name: str, role: str, subjects: list[dict[str, str]]) -> Object:
    ref = {"apiGroup": _GROUP, "kind": "Role", "name": role}
    return _object("RoleBinding", name) | {"roleRef": ref, "subjects": subjects}


def _user(name: str) -> dict[str, str]:
    return {"apiGroup": _GROUP, "kind": "User", "name": name}


def _object(kind: str, name: str) -> Object:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
    }
