"""All extenders, in the order in which they are asked: those that may be ignored last. Made by app.py.

Whether an extender that fails matters is its configuration's; scores that can't be had never do.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sampan.scheduler.configuration.extender import ExtenderConfiguration
from sampan.scheduler.dry_run import Preemption, importance
from sampan.scheduler.extenders.extender import Extender, NodeObject
from sampan.scheduler.extenders.wire import ExtenderError, Filtered, MetaVictims
from sampan.scheduler.framework import EXTENDERS, Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """The nodes that extenders have left, and why the others are out."""

    nodes: Sequence[NodeInfo]
    rejections: Mapping[str, Rejection]


class Extenders:
    """`judges` says whether any of them filters or scores, whichever pods it is about."""

    def __init__(
        self, configurations: Iterable[ExtenderConfiguration] = (), node_object: NodeObject = lambda name: None
    ) -> None:
        """Raises ExtenderError."""
        ordered = sorted(configurations, key=lambda one: one.ignorable)
        self._all = [Extender(one, node_object) for one in ordered]
        self.judges = any(one.filter_verb or one.prioritize_verb for one in ordered)

    def decide_about(self, pod: PodInfo) -> bool:
        """Whether any has a say in where a pod goes."""
        return any(
            (e.configuration.filter_verb or e.configuration.prioritize_verb) and e.is_interested(pod) for e in self._all
        )

    async def filter(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Kept:
        """Ask one after the other about what the one before has left. Raises ExtenderError."""
        rejections: dict[str, Rejection] = {}
        for extender in self._all:
            if not nodes:
                break
            if not extender.configuration.filter_verb or not extender.is_interested(pod):
                continue
            try:
                answer = await extender.filter(pod, nodes)
            except ExtenderError as error:
                if not extender.configuration.ignorable:
                    raise
                log.info("extender %s is ignored: %s", extender.url, error)
                continue
            left = set(answer.names or ())
            rejections |= {node.name: _rejection(node.name, answer) for node in nodes if node.name not in left}
            nodes = [node for node in nodes if node.name in left]
        return Kept(nodes, rejections)

    async def prioritize(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Mapping[str, int]:
        """What they add to the scores of nodes, asked all at once."""
        asked = [e for e in self._all if e.configuration.prioritize_verb and e.is_interested(pod)]
        found: dict[str, int] = {}
        for scores in await asyncio.gather(*(_scores(extender, pod, nodes) for extender in asked)):
            for name, score in scores.items():
                found[name] = found.get(name, 0) + score
        return found

    async def bind(self, pod: PodInfo, node: str) -> bool:
        """Whether one of them has bound the pod. Raises ExtenderError."""
        for extender in self._all:
            if extender.configuration.bind_verb and extender.is_interested(pod):
                try:
                    await extender.bind(pod, node)
                except ExtenderError as error:
                    if not extender.configuration.ignorable:
                        raise
                    log.info("extender %s is ignored: %s", extender.url, error)
                    continue
                return True
        return False

    def preempt_for(self, pod: PodInfo) -> bool:
        """Whether any has a say in who has to go for a pod."""
        return any(e.configuration.preempt_verb and e.is_interested(pod) for e in self._all)

    async def preempt(
        self, pod: PodInfo, candidates: Sequence[Preemption], node: Callable[[str], NodeInfo | None]
    ) -> Sequence[Preemption]:
        """The candidates that they leave, and whom they want to go. Raises ExtenderError."""
        for extender in self._all:
            if not candidates:
                break
            if not extender.configuration.preempt_verb or not extender.is_interested(pod):
                continue
            ignorable = extender.configuration.ignorable
            try:
                answer = await extender.preempt(
                    pod, {one.node: ([victim.object for victim in one.victims], one.violations) for one in candidates}
                )
                candidates = list(_candidates(extender.url, answer, node, ignorable=ignorable))
            except ExtenderError as error:
                if not ignorable:
                    raise
                log.info("extender %s is ignored: %s", extender.url, error)
        return candidates

    async def close(self) -> None:
        """Close all connections."""
        for extender in self._all:
            await extender.close()


async def _scores(extender: Extender, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Mapping[str, int]:
    try:
        return await extender.prioritize(pod, nodes)
    except ExtenderError as error:
        log.info("extender %s scores nothing: %s", extender.url, error)
        return {}


def _candidates(
    url: str, answer: Mapping[str, MetaVictims], node: Callable[[str], NodeInfo | None], *, ignorable: bool
) -> Iterator[Preemption]:
    """Whom an extender wants to go from where. Raises ExtenderError for pods and nodes that are not there."""
    for name, victims in answer.items():
        there = node(name)
        if there is None:
            raise ExtenderError(f'nodeinfo not found for node name "{name}"')
        by_uid = {pod.uid: pod for pod in there.pods.values()}
        for uid in victims.uids:
            if uid not in by_uid:
                what = f"claims to preempt pod (UID: {uid}) on node: {name}"
                raise ExtenderError(f"extender: {url} {what}, but the pod is not found on that node")
        if victims.uids:
            yield Preemption(name, sorted((by_uid[uid] for uid in victims.uids), key=importance), victims.violations)
        elif not ignorable:
            raise ExtenderError(f'expected at least one victim pod on node "{name}"')


def _rejection(node: str, answer: Filtered) -> Rejection:
    """A node that is left out without a word is out for good, as upstream."""
    if node in answer.unresolvable:
        return Rejection(EXTENDERS, (answer.unresolvable[node],), resolvable=False)
    if node in answer.failed:
        return Rejection(EXTENDERS, (answer.failed[node],))
    return Rejection(EXTENDERS, (), resolvable=False)
