"""How many pods the owners of some pods are meant to have together.

A ReplicaSet of a Deployment stands for the Deployment. Kinds that are not built in are asked for their scale. Called by
controller.py. Rule: docs, Specifying a Disruption Budget, "Arbitrary Controllers and Selectors".
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from sampan.client.api import Client
from sampan.client.informer import Informer
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.apps.replica_set import KIND as REPLICA_SET
from sampan.kinds.apps.stateful_set import KIND as STATEFUL_SET
from sampan.kinds.core.replication_controller import KIND as RC
from sampan.machinery.errors import NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, OwnerRef, controller_of
from sampan.reconcile.discovery import Discovery

FOLLOWED = (DEPLOYMENT, REPLICA_SET, STATEFUL_SET, RC)


class ScaleError(Exception):
    """The number can't be told; the message says why, in upstream's words."""


class Scale(NamedTuple):
    """Of all owners together, and the names of pods that have none."""

    pods: int
    unmanaged: list[str]


class Scales:
    """Asks informers of the kinds in FOLLOWED, and the API about others."""

    def __init__(self, client: Client, informers: Callable[[Kind], Informer], discovery: Discovery) -> None:
        self._client = client
        self._informers = {kind.name: informers(kind) for kind in FOLLOWED}
        self._discovery = discovery

    async def of(self, pods: Iterable[Object]) -> Scale:
        """The sum over the owners of these pods. Raises ScaleError."""
        owners: dict[str, int] = {}
        seen: set[str] = set()
        unmanaged = []
        for pod in pods:
            owner, name = controller_of(pod), pod["metadata"]["name"]
            if owner is None:
                unmanaged.append(name)
            elif owner.uid not in seen:
                seen.add(owner.uid)
                owners |= [await self._of_owner(owner, pod["metadata"]["namespace"], name)]
        return Scale(sum(owners.values()), unmanaged)

    async def _of_owner(self, owner: OwnerRef, namespace: str, pod: str) -> tuple[str, int]:
        """(uid, scale) of whoever decides it."""
        kind = self._discovery.find(owner.api_version, owner.kind)
        if kind is None:
            raise ScaleError(f'no matches for kind "{owner.kind}" in version "{owner.api_version}"')
        if kind not in FOLLOWED:
            return owner.uid, await self._asked(kind, owner, namespace, pod)
        found = self._informers[kind.name].get(Key(namespace, owner.name))
        if found is None or found["metadata"]["uid"] != owner.uid:
            raise ScaleError(f'found no controllers for pod "{pod}"')
        above = controller_of(found)
        if kind is REPLICA_SET and above is not None and above.kind == DEPLOYMENT.name:
            return await self._of_owner(above, namespace, pod)
        return owner.uid, found["spec"].get("replicas", 1)

    async def _asked(self, kind: Kind, owner: OwnerRef, namespace: str, pod: str) -> int:
        try:
            found = await self._client.transport.request("GET", kind.path(namespace, owner.name, "scale"))
        except NotFound as error:
            if not (error.details or {}).get("name"):  # the path is missing, not the object
                raise ScaleError(_no_scale(kind)) from error
            found = {}
        if found.get("metadata", {}).get("uid") != owner.uid:
            raise ScaleError(f'found no controllers for pod "{pod}"')
        return int((found.get("spec") or {}).get("replicas") or 0)


def _no_scale(kind: Kind) -> str:
    group = kind.storage.group
    return f"{kind.plural}{'.' * bool(group)}{group} does not implement the scale subresource"
