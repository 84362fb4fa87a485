"""Objects that this cluster needs beside those of any API server, which keeps them: see bootstrap/start.py."""

from sampan.machinery.meta import Object


def proxy_role(user: str) -> list[Object]:
    """What our proxy may do beyond upstream's: it renders host ports too, so it follows pods."""
    name, api_version = "sampan:host-ports", "rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
    group = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": api_version, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        {
            "apiVersion": api_version,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        },
    ]
