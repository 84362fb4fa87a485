"""What the binder does to the API: a step's write and its events, and looking closely whether a claim is gone.

Called by controller.py and by the operations, deleting.py and recycling.py.
"""

from sampan.client.api import Client
from sampan.client.informer import Informer
from sampan.controllers.persistent_volume.latest import Latest
from sampan.controllers.persistent_volume.step import Step
from sampan.controllers.persistent_volume.volume import claim_key, claim_uid, is_bound_to, is_over, is_released
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object
from sampan.machinery.validation import dns_label, dns_subdomain
from sampan.reconcile.events import EventRecorder


class Hands:
    """One set, shared by all of the binder."""

    def __init__(self, client: Client, recorder: EventRecorder, volumes: Informer, claims: Informer) -> None:
        self.client = client
        self.recorder = recorder
        self.volumes = Latest(volumes)
        self.claims = Latest(claims)

    async def take(self, step: Step) -> None:
        """Write, and tell. Raises Conflict where somebody was faster, and nothing is told then."""
        if (write := step.write) is not None:
            answer = await self.client.update(write.kind, write.obj, subresource=write.subresource)
            (self.volumes if write.kind is VOLUME else self.claims).wrote(answer)
        for about, event in step.told:
            self.recorder.event(about, *event)

    async def claim_of(self, volume: Object) -> Object | None:
        """The claim that a volume names.

        Whoever made or bound the volume may know of a claim that has not come here yet. So before a volume is taken for
        released, the API is asked; once it is, it need not be asked again for a name that nobody has.
        """
        key = claim_key(volume)
        if key is None:
            return None
        known = self.claims.get(key)
        if not claim_uid(volume) or is_bound_to(volume, known) or (known is None and is_over(volume)):
            return known
        return await self._asked(key)

    async def read_if_released(self, volume: Object) -> Object | None:
        """The volume as it is in the API by now, if it is that one and nobody's; None means: leave it alone."""
        try:
            fresh = await self.client.get(VOLUME, volume["metadata"]["name"])
        except NotFound:
            return None
        key = claim_key(fresh)
        if key is None or fresh["metadata"]["uid"] != volume["metadata"]["uid"]:
            return None
        return fresh if is_released(fresh, await self._asked(key)) else None

    async def _asked(self, key: Key) -> Object | None:
        """What a volume names may be any text; only a name that a claim can have is asked for."""
        if dns_label(key.namespace) or dns_subdomain(key.name):
            return None
        try:
            return await self.client.get(CLAIM, key.name, key.namespace)
        except NotFound:
            return None
