"""Whether the container runtime works: asked every five seconds, and judged by when it last did what it should.

A runtime that hangs answers nothing, so nobody may wait for it to say how it is: what the node reports is what is known
here, which grows old. Rules, thresholds and words: k8s.io/kubernetes/pkg/kubelet/runtime.go, and of kubelet.go
updateRuntimeUp; the pod lifecycle event generator (PLEG) is the list of what runs, in app.py. Read by node_status.py.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sampan.kubelet.cri import CRI, CRIError
from sampan.kubelet.node import runtime_problems
from sampan.machinery.aggregate import aggregated
from sampan.machinery.durations import go_duration
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

INTERVAL = 5.0  # seconds between two questions
SYNC_THRESHOLD = 30.0  # without a good answer the runtime is down
RELIST_THRESHOLD = 180.0  # without a list of what runs the node is not ready either


class RuntimeState:
    """What is known of one runtime."""

    def __init__(self, cri: CRI, clock: Clock) -> None:
        self._cri, self._clock = cri, clock
        self._synced: float | None = None  # when it was last found ready
        self._listed = clock.monotonic()  # when what runs was last listed; the time of the first list is granted
        self._complaints: tuple[str, ...] = ()  # its own, the last time that it answered
        self.version = "containerd://Unknown"
        self.images: Sequence[Any] = ()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL)
            await self.look()

    async def look(self) -> None:
        """Ask once."""
        try:
            conditions, version = await self._cri.conditions(), await self._cri.version()
        except CRIError as error:
            log.error("Container runtime sanity check failed: %s", error)
            return
        self.version = f"{version.runtime_name}://{version.runtime_version}"
        self._judge(conditions)

    async def list_images(self) -> None:
        """Look which images there are; those that were known stay so where the runtime does not tell."""
        try:
            self.images = await self._cri.list_images()
        except CRIError as error:
            log.warning("the images can't be listed: %s", error)

    def listed(self) -> None:
        """What runs has been listed."""
        self._listed = self._clock.monotonic()

    @property
    def problem(self) -> str:
        """Why the node is not ready; "" if it is."""
        now = self._clock.monotonic()
        since = None if self._synced is None else now - self._synced
        return aggregated([*_silences(since, now - self._listed), *self._complaints])

    def _judge(self, conditions: Mapping[str, tuple[bool, str, str]]) -> None:
        self._complaints = tuple(runtime_problems(conditions))
        if conditions.get("RuntimeReady", (False, "", ""))[0]:
            self._synced = self._clock.monotonic()


def _silences(since_synced: float | None, since_listed: float) -> list[str]:
    """What is wrong by the time that has passed."""
    found = []
    if since_synced is None:
        found.append("container runtime status check may not have completed yet")
    elif since_synced >= SYNC_THRESHOLD:
        found.append("container runtime is down")
    if since_listed > RELIST_THRESHOLD:
        ago, most = go_duration(since_listed), go_duration(RELIST_THRESHOLD)
        found.append(f"PLEG is not healthy: pleg was last seen active {ago} ago; threshold is {most}")
    return found
