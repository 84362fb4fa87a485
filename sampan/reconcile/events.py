"""The event recorder: components say what happened to an object, in passing; a task writes it to the API.

    recorder = EventRecorder(client, "default-scheduler", clock)
    group.create_task(recorder.run())
    recorder.event(pod, "Normal", "Scheduled", "Successfully assigned default/kubia to node-1")

Events are an aid to humans, best effort as upstream: dropped when too many wait, when the API refuses them, or as spam
(correlate.py). They are written several at a time, as a scheduler makes them faster than one writer gets rid of them;
what is about one object keeps its order.
"""

import asyncio
import logging
from collections.abc import Iterator
from typing import NamedTuple

from sampan.client.api import Client
from sampan.kinds.core.event import KIND as EVENT
from sampan.machinery.errors import AlreadyExists, APIError, NotFound, namespace_terminates
from sampan.machinery.meta import Object, format_time
from sampan.reconcile.clock import Clock
from sampan.reconcile.correlate import Correlator, Observation

log = logging.getLogger(__name__)

MAX_WAITING = 10_000
WRITERS = 32
MAX_ATTEMPTS = 12
RETRY_SECONDS = 10.0
NORMAL, WARNING = "Normal", "Warning"


class PlannedEvent(NamedTuple):
    """An event that a pure plan wants told; `recorder.event(obj, *told)` tells it."""

    type: str  # NORMAL or WARNING
    reason: str
    message: str


class EventRecorder:
    """Records events of one source: `component` on `host` (a node's name; controllers have none)."""

    def __init__(self, client: Client, component: str, clock: Clock, host: str = "") -> None:
        self._client = client
        self._component = component
        self._clock = clock
        self._host = host
        self._correlator = Correlator()
        self._waiting: dict[tuple[str, ...], list[Object]] = {}  # by the object they are about
        self._count = 0  # of those that wait
        self._dropped = 0
        self._filled = asyncio.Event()
        self._serial = 0

    def event(self, obj: Object, type: str, reason: str, message: str, *, field_path: str = "") -> None:
        """Note an event about an object (with apiVersion and kind); never waits, never raises.

        `type` is NORMAL or WARNING; `field_path` names a part of the object, such as "spec.containers{main}".
        """
        if self._count >= MAX_WAITING:
            self._dropped += 1
            return
        meta = obj["metadata"]
        about = (meta.get("namespace") or "", meta["name"], meta.get("uid") or "")
        self._waiting.setdefault(about, []).append(self._build(obj, type, reason, message, field_path))
        self._count += 1
        self._filled.set()

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write all that waits now."""
        while self._waiting:
            if self._dropped:
                log.warning("%s: dropped %d events, as too many were waiting", self._component, self._dropped)
            batch, self._waiting, self._count, self._dropped = self._waiting, {}, 0, 0
            rest = iter(batch.values())
            async with asyncio.TaskGroup() as group:
                for _ in range(min(WRITERS, len(batch))):
                    group.create_task(self._write_from(rest))

    async def _write_from(self, rest: Iterator[list[Object]]) -> None:
        """Write the events of one object after another, taking them from what all writers share."""
        for events in rest:
            for event in events:
                observation = self._correlator.observe(event, self._clock.monotonic())
                if observation is not None:
                    await self._write(observation)

    def _build(self, obj: Object, type: str, reason: str, message: str, field_path: str) -> Object:
        now = self._clock.now()
        meta = obj["metadata"]
        self._serial += 1
        stamp = int(now.timestamp() * 1e9) + self._serial  # unique even where two events share an instant
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"name": f"{meta['name']}.{stamp:x}", "namespace": meta.get("namespace") or "default"},
            "involvedObject": reference(obj, field_path),
            "reason": reason,
            "message": message,
            "source": {"component": self._component} | ({"host": self._host} if self._host else {}),
            "firstTimestamp": format_time(now),
            "lastTimestamp": format_time(now),
            "count": 1,
            "type": type,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }

    async def _write(self, observation: Observation) -> None:
        for _ in range(MAX_ATTEMPTS):
            try:
                await self._put(observation)
                return
            except APIError as error:
                self._correlator.forget(observation.key)
                log.log(_level(error), "the event %s was refused: %s", observation.event["reason"], error)
                return
            except OSError as error:
                log.info("the event %s could not be written: %s", observation.event["reason"], error)
                await self._clock.sleep(RETRY_SECONDS)

    async def _put(self, observation: Observation) -> None:
        event, meta = observation.event, observation.event["metadata"]
        if observation.exists:
            changed = {name: event[name] for name in ("count", "lastTimestamp", "message")}
            try:
                await self._client.patch(EVENT, meta["name"], changed, meta["namespace"])
                return
            except NotFound:
                log.debug("the event %s has expired; writing it anew", meta["name"])
        await self._client.create(EVENT, event)


def _level(error: APIError) -> int:
    """What is being deleted, or gone with its namespace, needs no events."""
    expected = isinstance(error, (AlreadyExists, NotFound)) or namespace_terminates(error)
    return logging.DEBUG if expected else logging.WARNING


def reference(obj: Object, field_path: str = "") -> Object:
    """The core/v1 ObjectReference to an object, as events carry it."""
    meta = obj["metadata"]
    parts = {
        "kind": obj.get("kind"),
        "namespace": meta.get("namespace"),
        "name": meta["name"],
        "uid": meta.get("uid"),
        "apiVersion": obj.get("apiVersion"),
        "resourceVersion": meta.get("resourceVersion"),
        "fieldPath": field_path,
    }
    return {name: value for name, value in parts.items() if value}
