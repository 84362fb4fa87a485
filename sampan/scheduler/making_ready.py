"""What is waited for before pods that have a node are bound to it, pod by pod; any of it may be ended.

Ended because the pod has gone, or because it has to make room for another: one that is not bound need not be deleted.
Used by app.py.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from sampan.machinery.meta import Key
from sampan.scheduler.framework import Rejected
from sampan.scheduler.pod_info import PodInfo


class MakingReady:
    """At most one wait per pod."""

    def __init__(self) -> None:
        self._waits: dict[Key, asyncio.Future[None]] = {}
        self._interrupted: dict[Key, str] = {}  # and why

    async def wait(self, pod: PodInfo, what: Coroutine[Any, Any, None]) -> bool:
        """False where the pod has gone meanwhile. Raises Rejected where it was interrupted, and what `what` raises."""
        wait = self._waits[pod.key] = asyncio.ensure_future(what)
        try:
            await asyncio.wait([wait])
        finally:
            wait.cancel()
            del self._waits[pod.key]
            why = self._interrupted.pop(pod.key, "")
        if why:
            raise Rejected(why)
        if wait.cancelled():
            return False
        wait.result()
        return True

    def stop(self, key: Key) -> None:
        """The pod has gone: nothing needs to be made ready for it."""
        if wait := self._waits.get(key):
            wait.cancel()

    def interrupt(self, pod: PodInfo, why: str) -> bool:
        """Another needs the room more; says whether there was anything to interrupt."""
        wait = self._waits.get(pod.key)
        if wait is None or not wait.cancel():
            return False
        self._interrupted[pod.key] = why
        return True
