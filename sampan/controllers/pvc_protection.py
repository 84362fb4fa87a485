"""Keeps a PersistentVolumeClaim that a pod on a node uses until no pod does.

Rule: docs, Persistent Volumes, "Storage Object in Use Protection"; upstream's pkg/controller/volume/pvcprotection.
"""

from collections.abc import Iterable, Iterator

from sampan.client.informer import Informer
from sampan.controllers.protection import protected, released, wants_decision
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, controller_of, is_deleting
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller

FINALIZER = "kubernetes.io/pvc-protection"

BY_CLAIM = "claim"  # the name of an index of pods; see index_by_claim


def claims_of(pod: Object) -> Iterator[Key]:
    """The claims that a pod's volumes name, or are made for."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    for volume in pod["spec"].get("volumes") or ():
        if claim := volume.get("persistentVolumeClaim"):
            yield Key(namespace, claim.get("claimName") or "")
        elif volume.get("ephemeral") is not None:
            yield Key(namespace, f"{name}-{volume['name']}")


def index_by_claim(pods: Informer) -> None:
    """File pods under the keys of their claims."""
    pods.add_index(BY_CLAIM, lambda pod: map(str, claims_of(pod)))


def uses(pod: Object, claim: Object) -> bool:
    """Whether a pod keeps a claim: one that no kubelet has seen doesn't, and will not be started with it any more."""
    if not pod["spec"].get("nodeName"):
        return False
    for volume in pod["spec"].get("volumes") or ():
        named = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if named == claim["metadata"]["name"] or (
            volume.get("ephemeral") is not None and _made_for(pod, volume, claim)
        ):
            return True
    return False


def _made_for(pod: Object, volume: Object, claim: Object) -> bool:
    """Whether the claim is that of an ephemeral volume, and its pod not gone but for the object."""
    owner = controller_of(claim)
    is_shut_down = is_deleting(pod) and pod["metadata"].get("deletionGracePeriodSeconds") == 0
    is_named = claim["metadata"]["name"] == f"{pod['metadata']['name']}-{volume['name']}"
    return is_named and not is_shut_down and owner is not None and owner.uid == pod["metadata"]["uid"]


class ClaimProtection(Controller):
    """One key per claim."""

    name = "persistentvolumeclaim-protection-controller"
    account = "pvc-protection-controller"
    workers = 2

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.claims = self.watch(CLAIM)
        self.pods = self.watch(POD, claims_of, matters=lambda old, new: old["spec"] != new["spec"] or is_deleting(new))

    async def reconcile(self, key: Key) -> Action:
        claim = self.claims.get(key)
        if claim is None or not wants_decision(claim, FINALIZER):
            return WAIT
        if not is_deleting(claim):
            return await self._write(protected(claim, FINALIZER))
        if any(uses(pod, claim) for pod in await self._candidates(key, claim)):
            return WAIT
        return await self._write(released(claim, FINALIZER))

    async def _candidates(self, key: Key, claim: Object) -> Iterable[Object]:
        """The pods of the namespace; where those that are known already keep the claim, the API need not be asked."""
        known = [pod for pod in self.pods.items() if pod["metadata"]["namespace"] == key.namespace]
        if any(uses(pod, claim) for pod in known):
            return known
        return (await self.client.list(POD, key.namespace)).items

    async def _write(self, claim: Object) -> Action:
        try:
            await self.client.update(CLAIM, claim)
        except NotFound:
            return WAIT
        return WAIT


CONTROLLER = ClaimProtection
