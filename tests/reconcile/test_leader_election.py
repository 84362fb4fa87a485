"""One leads; the lease changes hands only when it should."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from sampan.client.api import Client
from sampan.machinery.errors import AlreadyExists, Conflict, NotFound, ServiceUnavailable
from sampan.machinery.meta import Key, Object
from sampan.reconcile.leader_election import Election, LeaderElector, Seen, claim
from sampan.testing.clock import EPOCH, VirtualClock

ME, YOU = Election(Key("kube-system", "lease"), "me"), "you"
MINE = {"holderIdentity": "me", "acquireTime": "a", "renewTime": "r", "leaseTransitions": 2}
YOURS = {**MINE, "holderIdentity": YOU}


@pytest.mark.parametrize(
    ("spec", "seen", "at", "transitions"),
    [
        (None, None, 0.0, 0),  # no lease yet
        (MINE, None, 0.0, 2),  # renewed
        (YOURS, None, 0.0, None),  # never seen before: it may be fresh
        (YOURS, Seen(YOURS, 100.0), 114.9, None),
        (YOURS, Seen(YOURS, 100.0), 115.0, 3),  # run out
        ({**YOURS, "holderIdentity": ""}, None, 0.0, 3),  # given back
    ],
)
def test_claims(spec: Object | None, seen: Seen | None, at: float, transitions: int | None) -> None:
    claimed = claim(spec, seen, ME, EPOCH, at)
    if transitions is None:
        assert claimed is None
        return
    assert claimed is not None
    assert claimed["leaseTransitions"] == transitions
    assert claimed["acquireTime"] == ("a" if spec is MINE else "2025-01-01T00:00:00.000000Z")
    assert claimed["leaseDurationSeconds"] == 15


class OneLease:
    """A server that holds one Lease, and can be cut off."""

    def __init__(self) -> None:
        self.lease: Object | None = None
        self.revision = 0
        self.down = False

    async def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> Object:
        if self.down:
            raise ServiceUnavailable("down")
        if method == "GET":
            if self.lease is None:
                raise NotFound("no lease")
            return self.lease
        if method == "POST" and self.lease is not None:
            raise AlreadyExists("there")
        if method == "PUT" and self.lease and body["metadata"]["resourceVersion"] != str(self.revision):
            raise Conflict("stale")
        self.revision += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.revision)}}
        return self.lease

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""


class Candidate:
    def __init__(self, server: OneLease, name: str, clock: VirtualClock) -> None:
        self.leading = 0
        election = Election(Key("kube-system", "lease"), name)
        self.elector = LeaderElector(Client(server), election, clock)  # type: ignore[arg-type]

    async def lead(self) -> None:
        self.leading += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.leading -= 1


@asynccontextmanager
async def standing(candidate: Candidate) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(candidate.elector.run(candidate.lead))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_one_leads_and_gives_the_lease_back() -> None:
    server, clock = OneLease(), VirtualClock()
    one, two = Candidate(server, "one", clock), Candidate(server, "two", clock)
    async with standing(two) as second:
        await clock.advance(1)
        async with standing(one):
            for _ in range(20):
                await clock.advance(5)
                assert (one.leading, two.leading) == (0, 1)
            second.cancel()
            await clock.advance(2.1)  # no need to wait for the lease to run out
            assert (one.leading, two.leading, server.holder) == (1, 0, "one")


async def test_who_cannot_renew_stops_before_the_lease_runs_out() -> None:
    server, clock = OneLease(), VirtualClock()
    one = Candidate(server, "one", clock)
    async with standing(one):
        await clock.advance(1)
        assert one.leading == 1
        server.down = True
        await clock.advance(13)
        assert one.leading == 0
        server.down = False
        await clock.advance(20)
        assert one.leading == 1
        assert clock.now() == EPOCH + timedelta(seconds=34)
