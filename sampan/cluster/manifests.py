"""Objects that the cluster itself makes: created, or brought back to their form when they differ."""

from collections.abc import Iterable

from sampan.client.api import Client
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Object


async def ensure(client: Client, catalogue: Catalogue, objects: Iterable[Object]) -> None:
    """Create each object; one that exists is merged with what is given, and keeps what others added."""
    for obj in objects:
        kind = catalogue.by_kind[obj["apiVersion"], obj["kind"]].kind
        meta = obj["metadata"]
        try:
            await client.patch(kind, meta["name"], obj, meta.get("namespace", ""))
        except NotFound:
            await client.create(kind, obj)


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
