"""Says of a claim that wants to grow who is to let it grow: the resizer of its CSI driver. Nothing grows by it here.

A claim whose volume names a plugin that a driver has taken over from is marked with the driver's name, for which its
resizer waits. Rule: docs, Persistent Volumes, "Expanding Persistent Volumes Claims"; upstream's
pkg/controller/volume/expand, in which no plugin is left that grows volumes (but flexVolume, which is not there here).
"""

from typing import NamedTuple

from sampan.controllers.persistent_volume.marks import PRE_RESIZE_CAPACITY, RESIZER
from sampan.controllers.persistent_volume.migration import DRIVERS, plugin_of
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.machinery.errors import APIError, NotFound
from sampan.machinery.meta import Key, Object, annotations_of
from sampan.machinery.quantity import parse
from sampan.machinery.tree import get_path
from sampan.machinery.validation import dns_subdomain
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Context, Controller
from sampan.reconcile.events import NORMAL, WARNING


class Plan(NamedTuple):
    """What is told, and the resizer that the claim is marked with ("" for none)."""

    message: str
    resizer: str = ""


def plan(claim: Object, volume: Object) -> Plan | None:
    """What to say of a claim and its volume; None where the claim is as large as it wants to be."""
    ref, meta = get_path(volume, ("spec", "claimRef"), {}), claim["metadata"]
    if (ref.get("namespace"), ref.get("uid")) != (meta["namespace"], meta["uid"]):
        return None
    if _wanted(claim) <= _has(claim) and PRE_RESIZE_CAPACITY not in annotations_of(volume):
        return None
    if plugin := plugin_of(volume):
        told = f"CSI migration enabled for {plugin}; waiting for external resizer to expand the pvc"
        return Plan(told, DRIVERS[plugin])
    return Plan("waiting for an external controller to expand this PVC")


def has_grown(old: Object, new: Object) -> bool:
    """Whether more is wanted than before, or more is there."""
    return _wanted(new) > _wanted(old) or _has(new) > _has(old)


def _wanted(claim: Object) -> int:
    return parse(str(get_path(claim, ("spec", "resources", "requests", "storage"), "0"))).nano


def _has(claim: Object) -> int:
    return parse(str(get_path(claim, ("status", "capacity", "storage"), "0"))).nano


class ExpandController(Controller):
    """One key per claim."""

    name = "persistentvolume-expander-controller"
    component = "volume_expand"
    account = "expand-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.claims = self.watch(CLAIM, matters=has_grown)

    async def reconcile(self, key: Key) -> Action:
        claim = self.claims.get(key)
        if claim is None or get_path(claim, ("status", "phase")) != "Bound":
            return WAIT
        name = str(claim["spec"].get("volumeName") or "")
        if dns_subdomain(name):  # nothing is called like that
            return WAIT
        try:
            volume = await self.client.get(VOLUME, name)
        except NotFound:
            return WAIT
        if (decided := plan(claim, volume)) is not None:
            self.recorder.event(claim, NORMAL, "ExternalExpanding", decided.message)
            await self._mark(claim, decided.resizer)
        return WAIT

    async def _mark(self, claim: Object, resizer: str) -> None:
        if not resizer or annotations_of(claim).get(RESIZER) == resizer:
            return
        meta = claim["metadata"]
        patch = {"metadata": {"annotations": {RESIZER: resizer}}}
        try:
            await self.client.patch(CLAIM, meta["name"], patch, meta["namespace"], subresource="status")
        except APIError as error:
            told = f"error setting resizer annotation to pvc {meta['namespace']}/{meta['name']}, with error {error}"
            self.recorder.event(claim, WARNING, "ExternalExpanding", told)
            raise


CONTROLLER = ExpandController
