"""Writing one pod's status to the API: the newest wish wins, compare-and-swap on what is there.

The whole object is written back with its resourceVersion, on top of the newest form known from the informer or from
our own last write, so nobody's condition is overwritten unseen. Called by worker.py.
"""

import asyncio
import logging

from sampan.client.api import Client
from sampan.kinds.core.pod import KIND as POD
from sampan.kubelet.conditions import OURS
from sampan.machinery.errors import APIError, Conflict, NotFound
from sampan.machinery.meta import Object, key_of
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

RETRY = 1.0


class StatusWriter:
    """The writer of one pod; `run` is its task."""

    def __init__(self, client: Client, clock: Clock, pod: Object) -> None:
        self._client = client
        self._clock = clock
        self._base = pod
        self._wanted: Object | None = None
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.gone = False  # the API no longer has this pod

    def rebase(self, pod: Object) -> None:
        """Take over a newer form of the pod; an older one is ignored."""
        if _revision(pod) > _revision(self._base):
            self._base = pod

    def want(self, status: Object) -> None:
        """Ask for a status to be written; returns at once."""
        if status != self._wanted:
            self._wanted = status
            self._idle.clear()
            self._changed.set()

    def current(self) -> Object:
        """The pod with the status that was last asked for, and everybody else's conditions."""
        if self._wanted is None:
            return self._base
        return self._base | {"status": _merged(self._base, self._wanted)}

    async def flush(self) -> None:
        """Wait until the last wish is written, or the pod is gone."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._write()
            if not self._changed.is_set():
                self._idle.set()

    async def _write(self) -> None:
        while not self.gone:
            pod = self.current()
            if pod["status"] == self._base.get("status"):
                return
            try:
                self._base = await self._client.update(POD, pod, subresource="status")
                return
            except Conflict:
                await self._reread()
            except NotFound:
                self.gone = True
            except (APIError, OSError) as error:
                log.warning("the status of %s could not be written: %s", key_of(pod), error)
                await self._clock.sleep(RETRY)

    async def _reread(self) -> None:
        key = key_of(self._base)
        try:
            found = await self._client.get(POD, key.name, key.namespace)
        except NotFound:
            self.gone = True
            return
        self.gone = found["metadata"]["uid"] != self._base["metadata"]["uid"]
        self._base = found


def _merged(base: Object, wanted: Object) -> Object:
    """Our status with the conditions of others as they are in `base`."""
    others = [c for c in (base.get("status") or {}).get("conditions") or () if c["type"] not in OURS]
    known = {condition["type"] for condition in others}
    return wanted | {"conditions": [c for c in wanted["conditions"] if c["type"] not in known] + others}


def _revision(pod: Object) -> int:
    return int(pod["metadata"].get("resourceVersion") or 0)
