"""Keeping the Node and its Lease alive in the API: register, report, heartbeat.

The Lease is renewed every 10 s; the status is looked at as often, but written only when it has changed, or every five
minutes (docs: "Nodes", Heartbeats). Called by app.py.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from sampan.client.api import Client
from sampan.kinds.coordination.lease import KIND as LEASE
from sampan.kinds.core.node import KIND as NODE
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.lease import LEASE_NAMESPACE, new_lease, renewal
from sampan.kubelet.machine import Machine, read_pressure
from sampan.kubelet.node import NodeFacts, changes, essence, image_list, new_node, node_status
from sampan.kubelet.runtime_state import RuntimeState
from sampan.machinery.errors import AlreadyExists, APIError, Conflict, NotFound
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.reconcile.events import EventRecorder

log = logging.getLogger(__name__)

REGISTER_RETRY = (0.1, 7.0)  # first and longest wait


class NodeReporter:
    """The Node of this machine, in the API."""

    def __init__(
        self,
        client: Client,
        config: KubeletConfig,
        runtime: RuntimeState,
        clock: Clock,
        recorder: EventRecorder,
        machine: Machine,
    ) -> None:
        self._client = client
        self._config = config
        self._runtime = runtime
        self._clock = clock
        self._recorder = recorder
        self._machine = machine
        self._node: Object | None = None
        self._written: datetime | None = None
        self.port = config.port

    async def register(self) -> None:
        """Create the Node, or take over the one that is there; tries until it works."""
        await self._runtime.look()
        await self._runtime.list_images()
        wait, longest = REGISTER_RETRY
        while True:
            try:
                await self._register_once()
                return
            except (APIError, OSError) as error:
                log.warning("the node could not be registered: %s", error)
                await self._clock.sleep(wait)
                wait = min(wait * 2, longest)

    async def run(self) -> None:
        """Heartbeats until cancelled; register comes first."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._each(self._renew_lease), name="node lease")
            group.create_task(self._each(self._report), name="node status")
            group.create_task(self._each(self._runtime.list_images), name="node images")
            group.create_task(self._runtime.run(), name="container runtime")

    async def _each(self, beat: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await beat()
            except (APIError, OSError) as error:
                log.warning("a heartbeat of the node failed: %s", error)
            await self._clock.sleep(self._config.lease_interval)

    async def _register_once(self) -> None:
        facts, now = await self._facts(), self._clock.now()
        node = new_node(self._config, facts, now)
        try:
            self._node = await self._client.create(NODE, node)
        except AlreadyExists:
            self._node = await self._adopt(await self._client.get(NODE, self._config.node_name), node)
        self._written = now
        self._recorder.event(self._node, "Normal", "Starting", "Starting kubelet.")
        self._tell_changes({}, self._node)

    async def _adopt(self, old: Object, fresh: Object) -> Object:
        """A Node that was here before keeps its labels, taints and annotations; ours are put right."""
        meta = old["metadata"] | {"labels": {**(old["metadata"].get("labels") or {}), **fresh["metadata"]["labels"]}}
        spec = {**fresh["spec"], **(old.get("spec") or {})}
        node = old | {"metadata": meta, "spec": spec}
        if node != old:
            node = await self._client.update(NODE, node)
        facts = await self._facts()
        status = node_status(self._config, facts, node, self._clock.now())
        return await self._client.update(NODE, node | {"status": status}, subresource="status")

    async def _report(self) -> None:
        assert self._node is not None, "register comes first"
        now, before = self._clock.now(), self._node["status"]
        status = node_status(self._config, await self._facts(), self._node, now)
        due = self._written is None or (now - self._written).total_seconds() >= self._config.status_interval
        if not due and essence(status) == essence(self._node["status"]):
            return
        try:
            self._node = await self._client.update(NODE, self._node | {"status": status}, subresource="status")
        except Conflict:
            self._node = await self._client.get(NODE, self._config.node_name)
            fresh = node_status(self._config, await self._facts(), self._node, now)
            self._node = await self._client.update(NODE, self._node | {"status": fresh}, subresource="status")
        except NotFound:  # somebody deleted it: nodes register themselves
            await self._register_once()
        self._tell_changes(before, self._node)
        self._written = now

    async def _facts(self) -> NodeFacts:
        pressure = await asyncio.to_thread(read_pressure, self._config)
        return NodeFacts(
            machine=self._machine,
            pressure=pressure,
            runtime_version=self._runtime.version,
            runtime_problem=self._runtime.problem,
            images=image_list(self._runtime.images),
            port=self.port,
        )

    async def _renew_lease(self) -> None:
        name, now = self._config.node_name, self._clock.now()
        try:
            await self._client.patch(LEASE, name, {"spec": renewal(name, now)}, LEASE_NAMESPACE)
        except NotFound:
            assert self._node is not None, "register comes first"
            await self._client.create(LEASE, new_lease(self._node, now))

    def _tell_changes(self, old: Object, node: Object) -> None:
        for reason in changes(old, node["status"]):
            message = f"Node {self._config.node_name} status is now: {reason}"
            self._recorder.event(node, "Normal", reason, message)
