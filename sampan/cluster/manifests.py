"""Objects that this cluster needs beside those of any API server, which keeps them: see bootstrap/start.py."""

from sampan.machinery.meta import Object

_ROLES = "rbac.authorization.k8s.io"


def meter_roles(user: str) -> list[Object]:
    """What may be done by who measures what nodes and pods use; and that whoever may see pods may see that, too."""
    reading = ["get", "list", "watch"]
    measuring = [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]},
    ]
    seeing = [{"apiGroups": ["metrics.k8s.io"], "resources": ["nodes", "pods"], "verbs": reading}]
    labels = {f"{_ROLES}/aggregate-to-{role}": "true" for role in ("admin", "edit", "view")}
    reader = {"name": "sampan:metrics-reader", "labels": labels}
    return [
        *_granted("sampan:metrics", user, measuring),
        {"apiVersion": f"{_ROLES}/v1", "kind": "ClusterRole", "metadata": reader, "rules": seeing},
    ]


def proxy_role(user: str) -> list[Object]:
    """What our proxy may do beyond upstream's: it renders host ports too, so it follows pods."""
    rules: list[Object] = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
    return _granted("sampan:host-ports", user, rules)


def _granted(name: str, user: str, rules: list[Object]) -> list[Object]:
    """A role, and that a user has it."""
    meta, reference = {"name": name}, {"apiGroup": _ROLES, "kind": "ClusterRole", "name": name}
    subjects = [{"apiGroup": _ROLES, "kind": "User", "name": user}]
    binding = {"kind": "ClusterRoleBinding", "metadata": meta, "roleRef": reference, "subjects": subjects}
    role = {"kind": "ClusterRole", "metadata": meta, "rules": rules}
    return [{"apiVersion": f"{_ROLES}/v1", **one} for one in (role, binding)]
