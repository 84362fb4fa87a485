"""A control plane whose controllers and scheduler are killed at random and started again; its nodes are simulated.

The API server and the nodes live on. A kill cancels the tasks of a part wherever they are, in the middle of a request
too; who comes after it knows nothing but what the API says. Stories (stories.py) are what users do meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.controllers.app import run_controllers
from sampan.controllers.config import Config
from sampan.kinds.apps.replica_set import KIND as REPLICA_SET
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kubelet.simulated.app import run_simulated
from sampan.kubelet.simulated.config import Simulation
from sampan.kubelet.simulated.nodes import Fleet
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, labels_of
from sampan.scheduler.app import Scheduler
from sampan.storage.memory import MemoryStore
from sampan.testing.clock import VirtualClock
from tests.controllers.cluster import NS, ROOT_CA, Cluster, Identities, signing_key

CONTROLLERS = ("deployment", "replicaset", "replicationcontroller", "statefulset", "daemonset", "job", "disruption")
CONTROLLERS += ("garbage-collector", "pod-garbage-collector", "serviceaccount", "node-lifecycle")
CONFIG = Config(root_ca=ROOT_CA, controllers=tuple(f"{name}-controller" for name in CONTROLLERS), kube_api_qps=-1)
PARTS = ("controllers", "scheduler")
STEP, PATIENCE = 1.0, 3000  # seconds of virtual time, and how many of them a round may take


class World(Cluster):
    """What a story holds. `rules` are looked at with each change of a pod or a ReplicaSet."""

    def __init__(
        self, client: Client, informers: Informers, clock: VirtualClock, identities: Identities, chance: Random
    ) -> None:
        super().__init__(client, informers, clock, identities)
        self.chance = chance
        self.rules: dict[str, Callable[[list[Object]], None]] = {}  # app -> what must hold for its pods at all times
        self.kills = 0
        self._broken: list[BaseException] = []
        self._running: dict[str, asyncio.Task[None]] = {}
        self._fuses: list[int] = []  # after how many changes of pods the next kills are
        self._strikes: set[asyncio.Task[None]] = set()
        self.pod_informer, self.set_informer = self.informer(POD), self.informer(REPLICA_SET)
        self.set_informer.on_change(self._hold_to_rules)
        self.pod_informer.on_change(self._hold_to_rules)
        self.pod_informer.on_change(self._burn)

    def sets_of(self, app: str) -> list[Object]:
        """The ReplicaSets of one story's workload."""
        return [one for one in self.set_informer.items() if labels_of(one).get("app") == app]

    def pods_of(self, app: str) -> list[Object]:
        """The pods of one story's workload."""
        return [pod for pod in self.pod_informer.items() if labels_of(pod).get("app") == app]

    # Killing

    def start(self, part: str) -> None:
        """Start the controllers or the scheduler, as from nothing."""
        if part == "scheduler":
            user = self.identities.user("system:kube-scheduler")
            made: Coroutine[Any, Any, None] = Scheduler(user, self.clock, chance=Random(self.chance.random())).run()
        else:
            made = run_controllers(self.identities.manager(), self.identities.account, CONFIG, self.clock)
        self._running[part] = asyncio.create_task(made, name=part)

    async def kill(self, part: str) -> None:
        """Cancel all of its tasks at once; what it would not be ended by is a failure."""
        running = self._running.pop(part, None)
        if running is None:
            return
        assert not running.done(), f"{part} ended by itself: {running}"
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=20)
        assert done and running.cancelled(), f"{part} was killed, and yet: {running}"
        self.kills += 1

    def arm(self) -> None:
        """Lay fuses for this round's kills."""
        self._fuses = sorted(self.chance.randrange(60) for _ in range(self.chance.choice((1, 1, 2, 3))))

    def _hold_to_rules(self, old: Object | None, new: Object | None) -> None:
        app = labels_of(new or old or {"metadata": {}}).get("app", "")
        if rule := self.rules.get(app):
            try:
                rule(self.pods_of(app))
            except AssertionError as error:
                self._broken.append(error)

    def _burn(self, old: Object | None, new: Object | None) -> None:
        """One change less until the next kill."""
        self._fuses = [fuse - 1 for fuse in self._fuses]
        while self._fuses and self._fuses[0] <= 0:
            self._fuses.pop(0)
            strike = asyncio.create_task(self._strike())
            self._strikes.add(strike)

    async def _strike(self) -> None:
        """A kill a few turns of the loop later, and a new start, now or after a while."""
        parts = self.chance.choice((PARTS, PARTS[:1], PARTS[:1], PARTS[1:]))
        pause = self.chance.choice((0.0, 0.0, self.chance.uniform(0, 15)))
        for _ in range(self.chance.randrange(60)):
            await asyncio.sleep(0)
        for part in parts:
            await self.kill(part)
        if pause:
            await self.clock.sleep(pause)
        for part in parts:
            if part not in self._running:
                self.start(part)

    # A round

    async def play(self, stories: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Let time pass until all stories have ended, and those who were killed are back."""
        self.arm()
        tasks = [asyncio.create_task(story) for story in stories]
        for _ in range(PATIENCE):
            await self.clock.advance(STEP)
            self._check(tasks)
            if all(task.done() for task in (*tasks, *self._strikes)):
                break
        else:
            raise AssertionError(f"{[task for task in tasks if not task.done()]} never came to an end")
        self._fuses, self._strikes = [], set()

    def _check(self, tasks: list[asyncio.Task[None]]) -> None:
        """Raise what went wrong, if anything did."""
        for task in (*tasks, *self._strikes):
            if task.done():
                task.result()
        for part, task in self._running.items():
            assert not task.done(), f"{part} ended by itself: {task}"
        if self._broken:
            raise self._broken[0]

    async def reached(self, kind: Kind, name: str, holds: Callable[[Object | None], bool]) -> None:
        """Wait until an object is as it should be; None is one that is not there. What has been written is seen."""
        informer, changed = self.informer(kind), asyncio.Event()
        newest = next(
            (one for one in (await self.client.list(kind, NS)).items if one["metadata"]["name"] == name), None
        )
        stop = informer.on_change(lambda old, new: changed.set())
        await informer.synced()
        try:
            while True:
                found = [one for one in informer.items() if one["metadata"]["name"] == name]
                if (newest is None or informer.has_seen(newest)) and holds(found[0] if found else None):
                    return
                changed.clear()
                await changed.wait()
        finally:
            stop()


@asynccontextmanager
async def world(chance: Random, nodes: int = 3) -> AsyncIterator[World]:
    """All running; what RBAC has refused anybody is a failure in the end."""
    clock = VirtualClock()
    server = APIServer(APIServerConfig(store=MemoryStore(), service_account_key=signing_key(), now=clock.now))
    await server.start()
    client, identities, ready = server.local_client(), Identities(server), asyncio.Event()
    informers = Informers(client, sleep=clock.sleep)
    made = World(client, informers, clock, identities, chance)

    def node(name: str) -> Client:
        return identities.user(f"system:node:{name}", ("system:nodes",))

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            informers.run(group)
            group.create_task(run_simulated(client, node, Fleet(nodes, "x", Simulation()), clock, ready.set))

    tasks = asyncio.create_task(run())
    try:
        await ready.wait()
        for part in PARTS:
            made.start(part)
        await made.create(NAMESPACE, {"metadata": {"name": NS}})
        await made.one(SERVICE_ACCOUNT, "default", lambda found: True)
        yield made
    finally:
        tasks.cancel()
        with suppress(asyncio.CancelledError):
            await tasks
        for part in PARTS:
            await made.kill(part)
        await server.stop(0)
    assert not identities.refused
