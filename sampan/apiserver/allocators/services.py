"""Cluster IPs and node ports of Services: claimed before a Service is stored, released when that fails or it goes.

    async with allocators.reserve(services, new, old, dry_run=False):
        ...                                 # store `new`

Nothing is kept in memory: what is taken is what has a claim in storage, so any number of servers may share one. A write
that is cut off in the middle leaves claims without a Service, which repair.py finds. Counterpart of
k8s.io/kubernetes/pkg/registry/core/service/storage.
"""

import asyncio
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager

from sampan.apiserver.allocators import claims
from sampan.apiserver.allocators.choice import Choice, Ranges
from sampan.apiserver.allocators.service_plan import fill_in
from sampan.apiserver.services import Services
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.networking.service_cidr import KIND as SERVICE_CIDR
from sampan.kinds.networking.service_ranges import covers, in_order, is_usable, networks
from sampan.machinery.errors import ServiceUnavailable
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy
from sampan.storage.cached import Cached

_MAX_RACES = 32  # lost against other servers, each for other numbers: beyond this something is wrong
_SLICE = 100  # Services that are looked at before others get their turn


class ServiceAllocators:
    """See the module."""

    def __init__(self, node_ports: range) -> None:
        self.node_ports = node_ports
        self._pending: set[str] = set()  # keys that this server is about to claim

    @asynccontextmanager
    async def reserve(
        self, services: Services, new: Object, old: Object | None, *, dry_run: bool
    ) -> AsyncIterator[None]:
        """Complete a Service with addresses and ports for the time that it is written. Raises Invalid."""
        held = claims.keys_of(old) if old else set()
        if old is None and not dry_run:
            await self._clear(services, new)
        made = await self._claim(services, new, old, held, dry_run=dry_run)
        try:
            yield
        except Exception:  # where the request is cancelled instead, the write may stand: nobody else gets its numbers
            await claims.give_back(services.cache, made)
            raise
        if old and not dry_run and (left := held - claims.keys_of(new)):
            await claims.release(services.cache, left, old)

    async def release(self, services: Services, gone: Object) -> None:
        """Give back what a deleted Service had."""
        await claims.release(services.cache, claims.keys_of(gone), gone)

    async def adopt(self, services: Services) -> None:
        """Claim what Services have that were stored before there were claims; before the first request."""
        missing: dict[str, bytes] = {}
        ranges = services.all(SERVICE_CIDR)
        for index, service in enumerate(services.all(SERVICE)):
            if index % _SLICE == 0:
                await asyncio.sleep(0)
            for key in self._own(service, ranges):
                if services.cache.get(key) is None and key not in missing:
                    missing[key] = claims.value(key, service, services.now())
        await claims.create(services.cache, missing)

    def _own(self, service: Object, ranges: list[Object]) -> Set[str]:
        """The keys of what a Service has, and what is ours to give."""
        addresses = [ip for ip in claims.addresses_of(service) if any(covers(found, ip) for found in ranges)]
        ports = [port for port in claims.ports_of(service) if port in self.node_ports]
        return {*map(claims.address_key, addresses), *map(claims.port_key, ports)}

    def _ranges(self, services: Services) -> Ranges:
        usable = in_order(found for found in services.all(SERVICE_CIDR) if is_usable(found))
        return Ranges([network for found in usable for network in networks(found)], self.node_ports)

    async def _clear(self, services: Services, new: Object) -> None:
        """Give back what a Service of this name has claimed and never come to use, so that it can be made now."""
        meta, wanted = new["metadata"], claims.wanted_keys(new)
        if not wanted or services.find(SERVICE, meta.get("namespace") or "", meta.get("name") or ""):
            return
        found = filter(None, map(services.cache.get, wanted))
        stale = [one for one in found if claims.is_claim_of(one, new) and not claims.is_young(one, services.now())]
        await claims.give_back(services.cache, stale)

    async def _claim(
        self, services: Services, new: Object, old: Object | None, held: set[str], *, dry_run: bool
    ) -> list[Cached]:
        """Fill in the spec and claim what was chosen, again and again where another server was faster."""
        sent, ranges = new["spec"], self._ranges(services)
        lost: set[str] = set()  # which the cache need not show yet

        def is_taken(key: str) -> bool:
            return key in lost or services.cache.get(key) is not None

        for _ in range(_MAX_RACES):
            new["spec"] = deep_copy(sent)
            choice = Choice(ranges, is_taken, self._pending, held)
            fill_in(new, old, choice)
            if dry_run or not choice.keys:
                return []
            made, missed = await self._create(services, new, choice.keys)
            if not missed:
                return made
            await claims.give_back(services.cache, made)
            lost.update(missed)
        raise ServiceUnavailable("other servers took every address or port that was chosen for the Service; try again")

    async def _create(self, services: Services, new: Object, keys: list[str]) -> tuple[list[Cached], set[str]]:
        self._pending.update(keys)
        try:
            values = {key: claims.value(key, new, services.now()) for key in keys}
            return await claims.create(services.cache, values)
        finally:
            self._pending.difference_update(keys)
