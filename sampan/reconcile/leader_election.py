"""Leader election by Lease: of several candidates one works, the others wait.

The algorithm of client-go's tools/leaderelection: a candidate takes a lease whose holder has not renewed it for
`lease_duration` by the candidate's own clock (clocks of machines are never compared), renews it every `retry_period`,
and stops working when it has not managed to for `renew_deadline`. There is no fencing: a leader that was suspended may
act late.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sampan.client.api import Client
from sampan.kinds.coordination.lease import KIND as LEASE
from sampan.machinery.errors import APIError, NotFound
from sampan.machinery.meta import Key, Object, format_micro_time
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Election:
    """What is stood for, by whom, and the timing in seconds."""

    lease: Key
    identity: str
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


class LostLeadership(Exception):
    """The lease could not be renewed in time."""


class Seen(NamedTuple):
    """The lease as we first saw it in this form, and when by our clock."""

    spec: Object
    at: float


def claim(spec: Object | None, seen: Seen | None, election: Election, now: datetime, at: float) -> Object | None:
    """The spec with which to take or renew the lease, or None while another holds it.

    `spec` is what stands in the API (None: no lease), `seen` what we saw before; `now` is wall time, `at` monotonic.
    """
    holder = (spec or {}).get("holderIdentity") or ""
    mine = holder == election.identity
    if holder and not mine and (seen is None or seen.at + election.lease_duration > at):
        return None
    stamp = format_micro_time(now)
    return {
        "holderIdentity": election.identity,
        "leaseDurationSeconds": int(election.lease_duration),
        "acquireTime": spec["acquireTime"] if spec and mine else stamp,
        "renewTime": stamp,
        "leaseTransitions": _transitions(spec, mine),
    }


def _transitions(spec: Object | None, mine: bool) -> int:
    return int(spec.get("leaseTransitions") or 0) + (not mine) if spec else 0


class LeaderElector:
    """One candidate."""

    def __init__(self, client: Client, election: Election, clock: Clock) -> None:
        self._client = client
        self._election = election
        self._clock = clock
        self._seen: Seen | None = None

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Stand for election, run `lead` while leader, and stand again when the lease is lost. Until cancelled.

        An error of `lead` ends the candidacy and is raised. On the way out the lease is given back.
        """
        while True:
            await self._acquire()
            try:
                await self._work(lead)
            except* LostLeadership:
                log.warning("lost the lease %s", self._election.lease)

    async def _acquire(self) -> None:
        while not await self._try():
            await self._clock.sleep(self._election.retry_period)
        log.info("%s leads by the lease %s", self._election.identity, self._election.lease)

    async def _work(self, lead: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(self._renew(), name="lease renewal")
                await lead()
                renewing.cancel()
        finally:
            await self._release()

    async def _renew(self) -> None:
        renewed = self._clock.monotonic()
        while True:
            await self._clock.sleep(self._election.retry_period)
            if await self._try():
                renewed = self._clock.monotonic()
            elif self._clock.monotonic() - renewed >= self._election.renew_deadline:
                raise LostLeadership(str(self._election.lease))

    async def _try(self) -> bool:
        """Take or renew once; False when another holds the lease or the API fails."""
        try:
            return await self._claim()
        except (APIError, OSError) as error:
            log.info("the lease %s could not be taken: %s", self._election.lease, error)
            return False

    async def _claim(self) -> bool:
        lease = await self._read()
        self._observe(lease)
        spec = claim(lease and lease["spec"], self._seen, self._election, self._clock.now(), self._clock.monotonic())
        if spec is None:
            return False
        await self._write(lease, spec)
        return True

    async def _read(self) -> Object | None:
        namespace, name = self._election.lease
        try:
            return await self._client.get(LEASE, name, namespace)
        except NotFound:
            return None

    def _observe(self, lease: Object | None) -> None:
        spec = lease["spec"] if lease else {}
        if self._seen is None or self._seen.spec != spec:
            self._seen = Seen(spec, self._clock.monotonic())

    async def _write(self, lease: Object | None, spec: Object) -> None:
        if lease is not None:
            await self._client.update(LEASE, {**lease, "spec": {**lease["spec"], **spec}})
            return
        namespace, name = self._election.lease
        head = {"apiVersion": LEASE.api_version, "kind": LEASE.name}
        await self._client.create(LEASE, {**head, "metadata": {"name": name, "namespace": namespace}, "spec": spec})

    async def _release(self) -> None:
        """Give the lease back so that the next candidate need not wait for it to run out."""
        try:
            lease = await self._read()
            if lease is not None and lease["spec"].get("holderIdentity") == self._election.identity:
                await self._write(lease, {"holderIdentity": "", "leaseDurationSeconds": 1})
        except (APIError, OSError) as error:
            log.info("the lease %s could not be given back: %s", self._election.lease, error)
