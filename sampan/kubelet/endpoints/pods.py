"""/pods and /runningpods: what is to run on this node, and what the runtime has of it.

Forms: v1 PodList; the second is upstream's Pod.ToAPIPod: names, and the containers' images.
"""

from collections.abc import Sequence

from sampan.kubelet.context import KubeletContext
from sampan.kubelet.endpoints.answers import NOT_FOUND, HTTPError, document
from sampan.kubelet.endpoints.finding import Pods
from sampan.kubelet.runtime import CONTAINER_NAME, POD_UID
from sampan.machinery.meta import Object
from sampan.transport.messages import Reply, Request


class PodLists:
    """The endpoints of one kubelet."""

    def __init__(self, context: KubeletContext, pods: Pods) -> None:
        self._context, self._pods = context, pods

    async def wanted(self, request: Request, rest: Sequence[str]) -> Reply:
        """The pods that the API has bound to this node."""
        _check(rest)
        return document(_listed([{"kind": "Pod", "apiVersion": "v1", **pod} for pod in self._pods()]))

    async def running(self, request: Request, rest: Sequence[str]) -> Reply:
        """The pods that the runtime has; raises CRIError."""
        _check(rest)
        containers: dict[str, list[Object]] = {}
        for found in await self._context.cri.list_containers():
            one = {"name": found.labels.get(CONTAINER_NAME, ""), "image": found.image.image, "resources": {}}
            containers.setdefault(found.labels.get(POD_UID, ""), []).append(one)
        uids = await self._context.runtime.uids()
        return document(_listed([_running(uid, *names, containers.get(uid, [])) for uid, names in uids.items()]))


def _check(rest: Sequence[str]) -> None:
    if any(rest):
        raise HTTPError(404, NOT_FOUND)


def _listed(items: list[Object]) -> Object:
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}


def _running(uid: str, namespace: str, name: str, containers: list[Object]) -> Object:
    meta = {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": None}
    return {"metadata": meta, "spec": {"containers": containers}, "status": {}}
