"""Forgetting old history: one task per cluster, run by the server beside the API server.

Upstream's API server compacts etcd every five minutes up to where it was five minutes before
(--etcd-compaction-interval); watches and continue tokens older than that get 410 Expired.
"""

import logging
from collections import deque

from prometheus_client import CollectorRegistry, Counter

from sampan.storage.clock import Clock
from sampan.storage.protocol import Store, StoreError

log = logging.getLogger(__name__)


async def run(
    store: Store, clock: Clock, metrics: CollectorRegistry, *, interval: float = 60.0, keep: float = 300.0
) -> None:
    """Every `interval` seconds, compact what has been superseded for `keep` seconds; until cancelled.

    A failure (a full disk) is logged and counted, the store tells of it in /readyz, and it is tried again at the next
    turn; so is finding space, where there was none.
    """
    turns = Counter("storage_compactions", "Compactions of the store's history.", ["result"], registry=metrics)
    for result in ("success", "error"):
        turns.labels(result)
    marks: deque[tuple[float, int]] = deque([(clock.monotonic(), store.revision)])
    while True:
        await clock.sleep(interval)
        now = clock.monotonic()
        target = _take_expired(marks, now - keep)
        marks.append((now, store.revision))
        if target > store.compacted or store.trouble:
            done = await _compact(store, max(target, store.compacted))
            turns.labels("success" if done else "error").inc()


def _take_expired(marks: deque[tuple[float, int]], before: float) -> int:
    """The revision of the newest mark that is old enough; it and those before it are dropped. 0 if there is none."""
    target = 0
    while marks and marks[0][0] <= before:
        target = marks.popleft()[1]
    return target


async def _compact(store: Store, target: int) -> bool:
    try:
        gone = await store.compact(target)
    except StoreError as error:
        log.warning("cannot compact the history up to revision %d, so the store keeps growing: %s", target, error)
        return False
    log.debug("compacted the history up to revision %d: %d rows went", target, gone)
    return True
