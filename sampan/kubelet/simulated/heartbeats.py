"""Keeping all simulated nodes alive in the API: registered, Leases renewed every 10 s, status told every 5 minutes.

Each node does so as itself, in its turn (rota.py): 5,000 nodes make 500 renewals a second, evenly, several at once so
that they share a commit. A node that somebody has deleted registers again, one that was called unready says that it is
not, both in its next turn; one that is annotated as silent does nothing, and is lost in due time. Started by cluster/.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kinds.coordination.lease import KIND as LEASE
from sampan.kinds.core.node import KIND as NODE
from sampan.kubelet.lease import LEASE_NAMESPACE, new_lease, renewal
from sampan.kubelet.simulated.nodes import Fleet, adopted, is_out_of_date, is_ready, is_silent, name_of, node, status
from sampan.kubelet.simulated.rota import Rota
from sampan.machinery.errors import AlreadyExists, APIError, Conflict, NotFound
from sampan.machinery.meta import Key, Object
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

LEASE_PERIOD, STATUS_PERIOD = 10.0, 300.0  # seconds; upstream's
_LEAST_PAUSE = 0.1
_AT_ONCE = 64  # requests
_REGISTER_RETRY = 1.0

Work = Callable[[int], Awaitable[None]]


class Heartbeats:
    """`client` serves what they share and registers; `client_of` takes a node's name."""

    def __init__(
        self, client: Client, client_of: Callable[[str], Client], informers: Informers, fleet: Fleet, clock: Clock
    ) -> None:
        self._client = client
        self._client_of = client_of
        self._nodes = informers.of(NODE)
        self._fleet = fleet
        self._clock = clock
        self._leases: dict[int, Object] = {}  # as they were last written
        self._registered = False  # all of them, once

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until cancelled; `ready` is called once, when all nodes are registered."""
        await self._nodes.synced()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._in_turn(LEASE_PERIOD, self._beat), name="leases of simulated nodes")
            await _several(range(self._fleet.count), self._register)
            await self._remove_surplus()
            self._registered = True
            group.create_task(self._in_turn(STATUS_PERIOD, self._report), name="status of simulated nodes")
            ready()

    async def _in_turn(self, period: float, work: Work) -> None:
        rota = Rota(self._fleet.count, period, self._clock.monotonic())
        while True:
            await _several(rota.due(self._clock.monotonic()), lambda number: self._attempt(work, number))
            await self._clock.sleep(rota.pause(self._clock.monotonic(), _LEAST_PAUSE))

    async def _attempt(self, work: Work, number: int) -> None:
        try:
            await work(number)
        except (APIError, OSError) as error:
            log.warning("a heartbeat of node %s failed: %s", name_of(number), error)

    def _node(self, number: int) -> Object | None:
        return self._nodes.get(Key("", name_of(number)))

    # Registering

    async def _register(self, number: int) -> None:
        """Create the Node, or take over the one that is there; tries until it works."""
        while True:
            try:
                await self._register_once(number)
                return
            except (APIError, OSError) as error:
                log.warning("node %s could not be registered: %s", name_of(number), error)
                await self._clock.sleep(_REGISTER_RETRY)

    async def _register_once(self, number: int) -> None:
        fresh = node(self._fleet, number, self._clock.now())
        old = self._node(number)
        if old is None:
            try:
                await self._client.create(NODE, fresh)
                return
            except AlreadyExists:
                old = await self._client.get(NODE, name_of(number))
        wanted = adopted(old, fresh)
        if wanted != old:
            old = await self._client.update(NODE, wanted)
        now = status(self._fleet, number, old, self._clock.now())
        if not is_silent(old) and is_out_of_date(old, now):
            await self._client.update(NODE, old | {"status": now}, subresource="status")

    async def _remove_surplus(self) -> None:
        """What is left of a time with more nodes."""
        surplus = [one["metadata"]["name"] for one in self._nodes.items() if self._fleet.is_surplus(one)]
        for name in surplus:
            try:
                await self._client.delete(NODE, name)
            except APIError as error:
                log.warning("node %s could not be removed: %s", name, error)

    # Signs of life

    async def _beat(self, number: int) -> None:
        found = self._node(number)
        if found is None:
            if self._registered:  # somebody has deleted it
                await self._register_once(number)
        elif not is_silent(found):
            await self._renew(number, found)
            if not is_ready(found):
                await self._report(number)

    async def _renew(self, number: int, found: Object) -> None:
        client, now = self._client_of(name_of(number)), self._clock.now()
        lease = self._leases.pop(number, None)
        try:
            if lease is None:
                lease = await client.get(LEASE, name_of(number), LEASE_NAMESPACE)
            renewed = lease | {"spec": lease["spec"] | renewal(name_of(number), now)}
            self._leases[number] = await client.update(LEASE, renewed)
        except NotFound:
            self._leases[number] = await client.create(LEASE, new_lease(found, now))
        except Conflict:
            log.debug("somebody else has written the lease of %s; it is read again", name_of(number))

    async def _report(self, number: int) -> None:
        found = self._node(number)
        if found is None or is_silent(found):
            return
        client = self._client_of(name_of(number))
        try:
            await self._tell(client, number, found)
        except Conflict:  # the informer may lag behind
            await self._tell(client, number, await client.get(NODE, name_of(number)))

    async def _tell(self, client: Client, number: int, found: Object) -> None:
        told = status(self._fleet, number, found, self._clock.now())
        await client.update(NODE, found | {"status": told}, subresource="status")


async def _several(numbers: Iterable[int], work: Work) -> None:
    """Do all of it, some at once."""
    rest = iter(numbers)
    first = next(rest, None)
    if first is None:
        return

    async def one_after_another(begin: int | None, others: Iterator[int]) -> None:
        if begin is not None:
            await work(begin)
        for number in others:
            await work(number)

    async with asyncio.TaskGroup() as group:
        group.create_task(one_after_another(first, rest))
        for _, number in zip(range(_AT_ONCE - 1), rest, strict=False):
            group.create_task(one_after_another(number, rest))
