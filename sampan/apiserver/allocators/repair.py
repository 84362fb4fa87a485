"""The repair loop: brings claims and Services together again, every few minutes, as long as the server serves.

What it finds (faults.py) comes of requests that were cut off, of a server that died, of people who delete IPAddresses.
Several servers may do it at once: every step is a compare-and-swap. A leaked claim goes when two rounds have found it
unchanged. Intervals and rounds: k8s.io/kubernetes/pkg/registry/core/service/portallocator/controller.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from typing import NoReturn, TypeVar

from sampan.apiserver.allocators import claims
from sampan.apiserver.allocators.faults import Fault, Known, of_claim, of_service
from sampan.apiserver.services import Services
from sampan.client.api import Client
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.networking.service_cidr import KIND as SERVICE_CIDR
from sampan.kinds.networking.service_ranges import Address, covers
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.reconcile.events import WARNING, EventRecorder
from sampan.storage.protocol import StoreError

log = logging.getLogger(__name__)

NAME = "ipallocator-repair-controller"
INTERVAL = 180.0  # seconds
_SLICE = 50  # that are looked at before others get their turn
T = TypeVar("T")


class Repair:
    """See the module. `recorder` tells of faults as events of the Service or IPAddress."""

    def __init__(self, services: Services, node_ports: range, recorder: EventRecorder) -> None:
        self._services, self._recorder = services, recorder
        self._known = Known(services.cache.get, self._service, self._is_in_range, node_ports)
        self._suspects: dict[str, int] = {}  # revisions of claims that the last round found leaked, by key

    async def run(self, clock: Clock) -> NoReturn:
        """A round every INTERVAL, until cancelled."""
        while True:
            await clock.sleep(INTERVAL)
            try:
                await self.round()
            except (APIError, StoreError) as error:
                log.warning("cluster IPs and node ports can't be repaired now: %s", error)
            except Exception:
                log.exception("repairing cluster IPs and node ports failed")

    async def round(self) -> None:
        """Look at everything once."""
        async for service in _in_turns(self._services.all(SERVICE)):
            for fault in of_service(service, self._known):
                await self._mend(service, fault)
        suspects: dict[str, int] = {}
        cache = self._services.cache
        async for claim in _in_turns([*cache.list(claims.ADDRESSES).items, *cache.list(claims.PORTS).items]):
            leak = of_claim(claim, self._known, self._services.now())
            if leak and self._suspects.get(claim.key) == claim.revision:
                log.info("%s has leaked and is released", claim.key)
                await self._mend(claim.object, leak)
            elif leak:
                suspects[claim.key] = claim.revision
        self._suspects = suspects

    async def _mend(self, about: Object, fault: Fault) -> None:
        if fault.reason:
            self._recorder.event(about, WARNING, fault.reason, fault.message)
        if fault.wrong:
            await claims.give_back(self._services.cache, [fault.wrong])
        if fault.key:
            value = claims.value(fault.key, about, self._services.now())
            await claims.create(self._services.cache, {fault.key: value})

    def _service(self, namespace: str, name: str) -> Object | None:
        return self._services.find(SERVICE, namespace, name)

    def _is_in_range(self, address: Address) -> bool:
        return any(covers(found, address) for found in self._services.all(SERVICE_CIDR))


async def run_repair(services: Services, client: Client, node_ports: range, clock: Clock) -> None:
    """The loop of one server, with the events that it writes as `client`; until cancelled."""
    recorder = EventRecorder(client, NAME, clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run(), name="allocation events")
        group.create_task(Repair(services, node_ports, recorder).run(clock), name="allocations")


async def _in_turns(found: Iterable[T]) -> AsyncIterator[T]:
    for index, one in enumerate(found):
        if index % _SLICE == 0:
            await asyncio.sleep(0)
        yield one
