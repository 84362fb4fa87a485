"""One extender: which pods it is about, and its verbs. What is done with its answers is extenders.py's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from sampan.machinery.meta import Object
from sampan.reconcile.pace import Pace
from sampan.scheduler.configuration.extender import ExtenderConfiguration
from sampan.scheduler.extenders import wire
from sampan.scheduler.extenders.client import ExtenderClient
from sampan.scheduler.extenders.wire import ExtenderError, Filtered, MetaVictims
from sampan.scheduler.framework import MAX_SCORE
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

NodeObject = Callable[[str], Object | None]  # a node by its name


class Extender:
    """Calls raise ExtenderError."""

    def __init__(self, configuration: ExtenderConfiguration, node_object: NodeObject) -> None:
        self.configuration = configuration
        self._client = ExtenderClient(configuration)
        self._node_object = node_object
        self._managed = frozenset(resource.name for resource in configuration.managed_resources)

    @property
    def url(self) -> str:
        """By which it is known in messages."""
        return self.configuration.url_prefix

    def is_interested(self, pod: PodInfo) -> bool:
        """Whether the pod asks for any of its resources; an extender without any sees all pods."""
        return not self._managed or not self._managed.isdisjoint(_resources(pod.spec))

    async def filter(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Filtered:
        """Which of some nodes are left, and why the others are not."""
        said = self.configuration
        answer = wire.filtered(await self._client.post(said.filter_verb, await self._arguments(pod, nodes)))
        known = {node.name for node in nodes}
        for name in answer.names or ():
            if name not in known:
                which = f'"{self.url}" claims a filtered node "{name}"'
                raise ExtenderError(f"extender {which} which is not found in the input node list")
        return answer

    async def prioritize(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Mapping[str, int]:
        """What it adds to the scores of nodes."""
        said = self.configuration
        body = await self._client.post(said.prioritize_verb, await self._arguments(pod, nodes))
        by = said.weight * (MAX_SCORE // wire.MOST_PRIORITY)
        return {host: score * by for host, score in wire.priorities(body).items()}

    async def bind(self, pod: PodInfo, node: str) -> None:
        """Have it bind the pod."""
        arguments = wire.bind_arguments(pod.namespace, pod.key.name, pod.uid, node)
        wire.check_bound(await self._client.post(self.configuration.bind_verb, arguments, again=False))

    async def preempt(
        self, pod: PodInfo, victims: Mapping[str, tuple[Sequence[Object], int]]
    ) -> Mapping[str, MetaVictims]:
        """Which nodes may be freed after all, and who would have to go from each."""
        said = self.configuration
        arguments = wire.preemption_arguments(pod.object, victims, by_uid=said.node_cache_capable)
        return wire.preemption(await self._client.post(said.preempt_verb, arguments))

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def _arguments(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> bytes:
        if self.configuration.node_cache_capable:
            return wire.filter_arguments(pod.object, None, [node.name for node in nodes])
        found, pace = [], Pace()
        for node in nodes:
            found.append(orjson.dumps(self._node_object(node.name) or {"metadata": {"name": node.name}}))
            await pace.keep()
        return wire.filter_arguments(pod.object, found, None)


def _resources(spec: Mapping[str, Any]) -> Iterator[str]:
    """Every resource that a container requests or is limited in."""
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        resources = container.get("resources") or {}
        yield from resources.get("requests") or ()
        yield from resources.get("limits") or ()
