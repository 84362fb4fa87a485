"""Makes the claims of pods' ephemeral volumes; the pod owns them, and they go with it.

Rules: docs, Ephemeral Volumes, "Lifecycle and PersistentVolumeClaim" and "PersistentVolumeClaim naming"; KEP-1698.
"""

from collections.abc import Iterable

from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import APIError, Conflict
from sampan.machinery.meta import Key, Object, controller_of, controller_ref, is_deleting, key_of
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller, owned_by
from sampan.reconcile.events import WARNING

_POD_INDEX = "pods that want it"


def wanted(pod: Object) -> dict[str, Object]:
    """The claims that a pod's volumes ask for, by the names of the volumes."""
    meta = pod["metadata"]
    found = {}
    for volume in pod["spec"].get("volumes") or ():
        template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
        if template is not None:
            given = template.get("metadata") or {}
            found[volume["name"]] = {
                "apiVersion": CLAIM.api_version,
                "kind": CLAIM.name,
                "metadata": {
                    **{name: given[name] for name in ("labels", "annotations") if given.get(name)},
                    "name": f"{meta['name']}-{volume['name']}",
                    "namespace": meta["namespace"],
                    "ownerReferences": [controller_ref(pod)],
                },
                "spec": template["spec"],
            }
    return found


class EphemeralVolumeController(Controller):
    """Keys are pods."""

    name = "ephemeral-volume-controller"
    component = "ephemeral_volume"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.pods = self.watch(POD, lambda pod: [key_of(pod)] if wanted(pod) else ())
        self.pods.add_index(_POD_INDEX, _claim_places)
        self.claims = self.watch(CLAIM, self._pods_of)

    def _pods_of(self, claim: Object) -> Iterable[Key]:
        """Its pod; or, of one that is in the way, the pod that wants its name."""
        return {*owned_by(POD)(claim), *map(key_of, self.pods.by(_POD_INDEX, str(key_of(claim))))}

    async def reconcile(self, key: Key) -> Action:
        pod = self.pods.get(key)
        if pod is None or is_deleting(pod):
            return WAIT
        for volume, claim in wanted(pod).items():
            try:
                await self._ensure(pod, claim)
            except APIError as error:
                self.recorder.event(pod, WARNING, "FailedBinding", f"ephemeral volume {volume}: {error}")
                raise
        return WAIT

    async def _ensure(self, pod: Object, claim: Object) -> None:
        """Raises Conflict where a claim of that name is somebody else's, and what the API answers."""
        there = self.claims.get(key_of(claim))
        if there is None:
            await self.client.create(CLAIM, claim)
            return
        owner = controller_of(there)
        if owner is None or owner.uid != pod["metadata"]["uid"]:
            raise Conflict(f"PVC {key_of(there)} was not created for pod {key_of(pod)} (pod is not owner)")


def _claim_places(pod: Object) -> list[str]:
    return [str(key_of(claim)) for claim in wanted(pod).values()]


CONTROLLER = EphemeralVolumeController
