"""Asks each kubelet what has been used, now and then, and says what is used meanwhile.

    meter = Meter(client, clock)
    api.services.usage = meter
    group.create_task(meter.run())

It asks through the API server (nodes/NAME/proxy), as any client may that has the right, and so reaches every node that
the API server reaches. A node that does not answer has its last figures for a minute, and then none.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kinds.core.node import KIND as NODE
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Key, Object
from sampan.machinery.tree import get_path
from sampan.metrics.scraped import Batch, batch_of
from sampan.metrics.usage import node_fields, pod_fields
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

PERIOD = 15.0  # seconds between two answers of a kubelet
SOON = 2.0  # until the second, so that there are figures soon after a start
STALE = 60.0  # seconds after which an answer is none
MOST = 16 << 20  # bytes of an answer
AT_ONCE = 20  # nodes
_PORT = ("status", "daemonEndpoints", "kubeletEndpoint", "Port")


@dataclass(slots=True)
class _Figures:
    """Of a node and its pods: the fields of their metrics."""

    at: float  # when the kubelet answered, by the monotonic clock
    node: Object | None = None
    pods: dict[Key, Object] = field(default_factory=dict)


class _Answers(NamedTuple):
    """The last answer of a kubelet, and what it says beside the one before."""

    last: Batch
    figures: _Figures


class Meter:
    """See the module."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._nodes: dict[str, _Answers] = {}
        self._node_of: dict[Key, str] = {}  # pod -> node

    def of_node(self, name: str) -> Object | None:
        """The fields of a NodeMetrics beside its metadata; None where nothing is known."""
        found = self._fresh(name)
        return found.node if found else None

    def of_pod(self, key: Key) -> Object | None:
        """Those of a PodMetrics."""
        found = self._fresh(self._node_of.get(key, ""))
        return found.pods.get(key) if found else None

    def _fresh(self, node: str) -> _Figures | None:
        answers = self._nodes.get(node)
        if answers is None or self._clock.monotonic() - answers.figures.at > STALE:
            return None
        return answers.figures

    async def run(self) -> None:
        """Ask until cancelled."""
        informers = Informers(self._client, sleep=self._clock.sleep)
        nodes = informers.of(NODE)
        async with asyncio.TaskGroup() as group:
            informers.run(group)
            await nodes.synced()
            while True:
                asked = [node["metadata"]["name"] for node in nodes.items() if _has_kubelet(node)]
                is_first = any(name not in self._nodes for name in asked)
                await self.look(asked)
                await self._clock.sleep(SOON if is_first and any(name in self._nodes for name in asked) else PERIOD)

    async def look(self, names: Iterable[str]) -> None:
        """Ask the kubelets of these nodes, and forget all others."""
        wanted = list(names)
        self._nodes = {name: self._nodes[name] for name in wanted if name in self._nodes}
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> None:
            async with limit:
                await self._ask(name)

        await asyncio.gather(*map(one, wanted))
        self._node_of = {key: name for name, known in self._nodes.items() for key in known.figures.pods}

    async def _ask(self, name: str) -> None:
        try:
            text = await self._page(name)
            batch = await asyncio.to_thread(batch_of, text, self._clock.now().timestamp())
            before = self._nodes[name].last if name in self._nodes else Batch()
            figures = _figures(before, batch, self._clock.monotonic())
        except (APIError, OSError, EOFError, ValueError) as error:
            log.info("no figures of node %s: %s", name, error)
            return
        self._nodes[name] = _Answers(batch, figures)

    async def _page(self, name: str) -> str:
        page = bytearray()
        async with self._client.transport.stream(f"{NODE.path(name=name)}/proxy/metrics/resource", {}) as pieces:
            async for piece in pieces:
                page += piece
                if len(page) > MOST:
                    raise ValueError(f"the kubelet's answer is longer than {MOST} bytes")
        return page.decode()


def _has_kubelet(node: Object) -> bool:
    """Whether there is somebody to ask: simulated nodes have none."""
    return bool(get_path(node, _PORT))


def _figures(before: Batch, batch: Batch, now: float) -> _Figures:
    node = node_fields(before.node, batch.node) if batch.node else None
    pods = {key: pod_fields(before.pods.get(key, {}), points) for key, points in batch.pods.items()}
    return _Figures(now, node, {key: found for key, found in pods.items() if found is not None})
