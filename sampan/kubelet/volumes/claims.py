"""What a pod's claims have come to: for each volume that names a PersistentVolumeClaim, the volume that it is bound to.

Read when volumes are prepared and when a container starts, and kept until the pod is gone: where a claim leads does not
change while a pod uses it. Called by manager.py. Texts: upstream's desired_state_of_world_populator.
"""

import asyncio

from sampan.client.api import Client
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.volume_matching import is_volume_of
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.volumes.content import VolumeError
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object, controller_of, is_deleting
from sampan.machinery.tree import get_path

NOT_A_SOURCE = {"capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "storageClassName"}
NOT_A_SOURCE |= {"mountOptions", "volumeMode", "nodeAffinity", "volumeAttributesClassName"}


class Claims:
    """Of all pods of the node."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._found: dict[str, dict[str, Object]] = {}  # uid of a pod -> name of a volume -> its source

    async def resolve(self, pod: Object) -> None:
        """Look up the claims of a pod that are not known yet; raises VolumeError, OSError."""
        wanted = {
            volume["name"]: name for volume in pod["spec"].get("volumes") or () if (name := claim_name(pod, volume))
        }
        found = self._found.get(uid_of(pod), {})
        missing = [name for name in wanted if name not in found]
        if missing:
            sources = await asyncio.gather(*(self._source(pod, wanted[name]) for name in missing))
            self._found[uid_of(pod)] = found | dict(zip(missing, sources, strict=True))

    def resolved(self, pod: Object, volume: Object) -> Object:
        """A volume of a pod with the source that it has come to; itself where it names no claim. Raises VolumeError."""
        name = claim_name(pod, volume)
        if not name:
            return volume
        source = self._found.get(uid_of(pod), {}).get(volume["name"])
        if source is None:
            raise VolumeError(f"{_about(pod, name)}: PVC is not bound")
        return {"name": volume["name"], **source}

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._found.pop(uid, None)

    async def _source(self, pod: Object, name: str) -> Object:
        about = _about(pod, name)
        try:
            claim = await self._client.get(CLAIM, name, pod["metadata"]["namespace"])
        except APIError as error:
            raise VolumeError(f"{about}: failed to fetch PVC from API server: {error}") from error
        if problem := _problem(pod, claim):
            raise VolumeError(f"{about}: {problem}")
        try:
            volume = await self._client.get(VOLUME, claim["spec"]["volumeName"])
        except APIError as error:
            raise VolumeError(f"{about}: failed to fetch PV from API server: {error}") from error
        if not is_volume_of(volume, claim):
            raise VolumeError(f"{about}: PVC is not bound")
        return {field: value for field, value in volume["spec"].items() if field not in NOT_A_SOURCE}


def claim_name(pod: Object, volume: Object) -> str:
    """The claim that a volume of a pod names; "" for none."""
    if claim := volume.get("persistentVolumeClaim"):
        return str(claim["claimName"])
    return f"{pod['metadata']['name']}-{volume['name']}" if "ephemeral" in volume else ""


def is_read_only(volume: Object) -> bool:
    """Whether the pod wants to read a claim only."""
    return bool((volume.get("persistentVolumeClaim") or {}).get("readOnly"))


def _problem(pod: Object, claim: Object) -> str:
    owner = controller_of(claim)
    name, is_its_own = claim["metadata"]["name"], owner is not None and owner.uid == uid_of(pod)
    if not is_its_own and any("ephemeral" in v and claim_name(pod, v) == name for v in pod["spec"]["volumes"]):
        where = f"{pod['metadata']['namespace']}/"
        return f"PVC {where}{name} was not created for pod {where}{pod['metadata']['name']} (pod is not owner)"
    if is_deleting(claim):
        return "PVC is being deleted"
    if get_path(claim, ("status", "phase")) != "Bound" or not claim["spec"].get("volumeName"):
        return "PVC is not bound"
    return ""


def _about(pod: Object, claim: str) -> str:
    return f"error processing PVC {pod['metadata']['namespace']}/{claim}"
