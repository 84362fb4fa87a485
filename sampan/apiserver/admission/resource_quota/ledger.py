"""Charging quotas: requests of a namespace that wait together are charged together, with one write for each quota.

The promise: what is admitted never exceeds a quota, however many requests come at once and to however many servers. A
quota is changed by compare-and-swap on the revision that was checked, before the object is stored.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sampan.apiserver.admission.resource_quota.check import Refusal, Request, charge
from sampan.kinds.core.pod_resources import Resources, resources
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path, with_changes
from sampan.storage.cache import Cache
from sampan.storage.cached import Cached
from sampan.storage.protocol import RevisionMismatch

_TRIES = 4


class Busy(Exception):
    """A quota was changed by others each time that it was to be charged."""

    def __init__(self, quota: str) -> None:
        super().__init__(quota)
        self.quota = quota  # its name


@dataclass(eq=False, slots=True)
class _Waiter:
    request: Request
    dry_run: bool
    done: bool = False
    error: Exception | None = None


@dataclass(slots=True)
class _Namespace:
    """The requests that wait for its quotas."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Waiter] = field(default_factory=list)
    users: int = 0


class Ledger:
    """The quotas of a store. `encode` gives the bytes of an object."""

    def __init__(self, encode: Callable[[Object], bytes]) -> None:
        self._encode = encode
        self._namespaces: dict[str, _Namespace] = {}  # those with requests under way

    async def charge(self, cache: Cache, prefix: str, request: Request, *, dry_run: bool) -> None:
        """Charge the quotas below `prefix`. Raises Refusal, Busy, StoreFull."""
        place = self._namespaces.setdefault(prefix, _Namespace())
        waiter = _Waiter(request, dry_run)
        place.waiting.append(waiter)
        place.users += 1
        try:
            async with place.lock:
                if not waiter.done:
                    await self._serve(cache, prefix, place)
        finally:
            place.users -= 1
            if waiter in place.waiting:
                place.waiting.remove(waiter)
            if not place.users:
                del self._namespaces[prefix]
        if waiter.error:
            raise waiter.error

    async def _serve(self, cache: Cache, prefix: str, place: _Namespace) -> None:
        """Settle everybody who waits. Who isn't, because this was cancelled, is settled by the next of them."""
        waiters = list(place.waiting)
        try:
            await self._settle(cache, prefix, waiters)
        finally:
            place.waiting = [waiter for waiter in place.waiting if not waiter.done]

    async def _settle(self, cache: Cache, prefix: str, waiters: Sequence[_Waiter]) -> None:
        entries, pending = list(cache.list(prefix).items), list(waiters)
        for _ in range(_TRIES):
            used = _charge_all([entry.object for entry in entries], pending)
            pending = [waiter for waiter in pending if not waiter.done]
            failed = await self._write(cache, entries, used)
            if not failed:
                break
            # The quotas that could be written stay charged; only the others are checked again.
            entries = [entry for entry in cache.list(prefix).items if entry.key in failed]
        else:
            for waiter in pending:
                waiter.error = Busy(min(failed).rpartition("/")[2])
        for waiter in pending:
            waiter.done = True

    async def _write(self, cache: Cache, entries: Sequence[Cached], used: Mapping[str, Resources]) -> set[str]:
        """Write what has changed; the keys of the quotas that somebody else has changed or deleted meanwhile."""
        failed = set()
        for entry in entries:
            total = used.get(entry.object["metadata"]["name"])
            if total is None:
                continue
            amounts = {name: str(amount) for name, amount in total.items()}
            changed = with_changes(entry.object, {("status", "used"): amounts})
            try:
                await cache.update(entry.key, self._encode(changed), entry.revision)
            except RevisionMismatch:
                failed.add(entry.key)
        return failed


def _charge_all(quotas: Sequence[Object], waiters: Sequence[_Waiter]) -> dict[str, Resources]:
    """Charge one after the other; what the quotas that change have used then. Who is refused or free is done."""
    used = {quota["metadata"]["name"]: resources(get_path(quota, ("status", "used"))) for quota in quotas}
    changed: dict[str, Resources] = {}
    for waiter in waiters:
        try:
            after = charge(quotas, used, waiter.request)
        except Refusal as error:
            waiter.error, waiter.done = error, True
            continue
        if waiter.dry_run or not after:
            waiter.done = True
            continue
        used.update(after)
        changed.update(after)
    return changed
