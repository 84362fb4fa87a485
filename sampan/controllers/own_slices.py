"""The EndpointSlices that one controller manages: followed, found by the Service that they are for, and written.

Used by endpoint_slice.py and endpoint_slice_mirroring.py.
"""

from collections.abc import Iterable
from contextlib import suppress

from sampan.controllers.own_writes import OwnWrites
from sampan.controllers.slices import MANAGED_BY, SERVICE_NAME, Plan
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, labels_of
from sampan.reconcile.controller import Controller


class OwnSlices:
    """Those with `manager` in their label; changes of them concern their Service (or Endpoints of its name)."""

    def __init__(self, controller: Controller, manager: str) -> None:
        self._client = controller.client
        self._manager = manager
        self._informer = controller.watch(ENDPOINT_SLICE, self._service_of)
        self._informer.add_index(manager, lambda one: map(str, self._service_of(one)))
        self.writes = OwnWrites(self._informer)

    def _service_of(self, one: Object) -> Iterable[Key]:
        labels = labels_of(one)
        if labels.get(MANAGED_BY) != self._manager or not labels.get(SERVICE_NAME):
            return ()
        return (Key(one["metadata"]["namespace"], labels[SERVICE_NAME]),)

    def of(self, service: Key) -> list[Object]:
        """The slices of a Service, as the informer shows them."""
        return self._informer.by(self._manager, str(service))

    async def write(self, service: Key, plan: Plan) -> None:
        """Carry out a plan; raises what the API answers, but for what is gone already."""
        for one in plan.create:
            self.writes.created(service, await self._client.create(ENDPOINT_SLICE, one))
        for one in plan.update:
            await self._client.update(ENDPOINT_SLICE, one)
        for one in plan.delete:
            meta = one["metadata"]
            with suppress(NotFound):
                await self._client.delete(ENDPOINT_SLICE, meta["name"], service.namespace, uid=meta["uid"])
            self.writes.deleted(service, one)
