"""Keeps a PersistentVolume that is bound to a claim until it is not.

Rule: docs, Persistent Volumes, "Storage Object in Use Protection"; upstream's pkg/controller/volume/pvprotection.
"""

from sampan.controllers.protection import protected, released, wants_decision
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, is_deleting
from sampan.machinery.tree import get_path
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller

FINALIZER = "kubernetes.io/pv-protection"


class VolumeProtection(Controller):
    """One key per volume."""

    name = "persistentvolume-protection-controller"
    account = "pv-protection-controller"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.volumes = self.watch(VOLUME)

    async def reconcile(self, key: Key) -> Action:
        volume = self.volumes.get(key)
        if volume is None or not wants_decision(volume, FINALIZER):
            return WAIT
        if is_deleting(volume) and get_path(volume, ("status", "phase")) == "Bound":
            return WAIT
        change = released if is_deleting(volume) else protected
        try:
            await self.client.update(VOLUME, change(volume, FINALIZER))
        except NotFound:
            return WAIT
        return WAIT


CONTROLLER = VolumeProtection
