"""A preemption carried out: the nomination, and the victims' deletion in the background while scheduling goes on.

Until the deletions have been made, the pod that they are for is held in the queue; where one fails, it is tried again
(asynchronous preemption, KEP-4832). How long the victims then take to go is their own affair: the pod waits for that
like any other. Started by app.py with what preemption.py has found.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from sampan.machinery.errors import APIError
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.dry_run import Preemption
from sampan.scheduler.effects import Effects
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.queue import SchedulingQueue, Waiting

log = logging.getLogger(__name__)

PREEMPTED = "preempted by DefaultPreemption"
_AT_ONCE = 16  # deletions for one pod (upstream's parallelism)

# Stops what is being done to bind a pod and sends it back to the queue, with a message; says whether it could.
Interrupt = Callable[[PodInfo, str], bool]


class Evictions:
    """`plan` is done at once, in memory; `carry_out` writes, and only then lets the pod go on."""

    def __init__(self, queue: SchedulingQueue, nominations: Nominations, interrupt: Interrupt) -> None:
        self._queue = queue
        self._nominations = nominations
        self._interrupt = interrupt

    def plan(self, pod: PodInfo, preemption: Preemption) -> list[PodInfo]:
        """Nominate the pod, and nobody less important; returns those whose nomination is gone, and who look anew."""
        pushed_out = self._nominations.below(preemption.node, pod.priority)
        self._nominations.put(pod, preemption.node)
        for other in pushed_out:
            self._nominations.put(other, "")
        keys = {other.key for other in pushed_out}
        if keys:
            self._queue.happened({ClusterEvent.POD_REMOVE}, lambda other: other.key in keys)
        return pushed_out

    async def carry_out(
        self, waiting: Waiting, preemption: Preemption, pushed_out: Sequence[PodInfo], effects: Effects
    ) -> None:
        """Make the victims go, and release the pod."""
        made = False
        try:
            for other in pushed_out:
                await effects.nominate(other, "")
            await self._evict(waiting.pod, preemption, effects)
            made = True
        except* (APIError, OSError) as group:
            log.warning("cannot make room for %s on %s: %s", waiting.pod.key, preemption.node, group.exceptions[0])
        finally:
            self._queue.release(waiting, again=not made)

    async def _evict(self, pod: PodInfo, preemption: Preemption, effects: Effects) -> None:
        """All of them at a time, but the last: while it stays, nobody thinks that the room is there."""
        victims = [victim for victim in preemption.victims if not victim.terminating]
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(victim: PodInfo) -> None:
            async with limit:
                if self._interrupt(victim, PREEMPTED):
                    effects.tell_preempted(victim, pod, preemption.node, " (in kube-scheduler memory).")
                else:
                    await effects.evict(victim, pod, preemption.node)

        async with asyncio.TaskGroup() as group:
            for victim in victims[:-1]:
                group.create_task(one(victim))
        for victim in victims[-1:]:
            await one(victim)
