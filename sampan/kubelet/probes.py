"""Probing the containers of one pod: a task per container instance and probe, and what they have found out.

Docs: "Configure Liveness, Readiness and Startup Probes". Liveness and readiness wait for the startup probe. A verdict
changes only when a threshold is reached; worker.py is woken then. Times are measured from the container's start, so
a restart of Sampan does not begin a new initial delay.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from sampan.kubelet.handlers import Handlers, Target
from sampan.kubelet.outcome import Outcome
from sampan.kubelet.records import Container
from sampan.kubelet.verdicts import NOTHING_KNOWN, Verdict
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock

Kind = Literal["startup", "liveness", "readiness"]
_FIELDS: Mapping[Kind, str] = {"startup": "startupProbe", "liveness": "livenessProbe", "readiness": "readinessProbe"}
_VERDICT: Mapping[Kind, str] = {"startup": "started", "liveness": "live", "readiness": "ready"}
MAX_MESSAGE = 1024

# (container spec, reason, message): tells a warning event.
Tell = Callable[[Object, str, str], None]

# (kind, container spec, whether it succeeded, seconds): counts a probe.
Count = Callable[[Kind, Object, bool, float], None]


class Prober:
    """The probes of one pod."""

    def __init__(self, handlers: Handlers, clock: Clock, wake: Callable[[], None], tell: Tell, count: Count) -> None:
        self.verdicts: dict[str, Verdict] = {}
        self._handlers = handlers
        self._clock = clock
        self._wake = wake
        self._tell, self._count = tell, count
        self._tasks: dict[tuple[str, Kind], asyncio.Task[None]] = {}

    def adopt(self, container: str, *, started: bool, ready: bool) -> None:
        """Begin from what the API says of a container that ran before this kubelet did."""
        self.verdicts.setdefault(container, Verdict(started=started or None, ready=ready))

    def sync(
        self, group: asyncio.TaskGroup, running: Mapping[str, tuple[Object, Container]], pod_ip: str, stopping: bool
    ) -> None:
        """Probe exactly the running containers (id -> spec, instance); of a stopping pod only for readiness."""
        kinds: tuple[Kind, ...] = ("readiness",) if stopping else ("startup", "liveness", "readiness")
        wanted = {
            (identity, kind)
            for identity, (spec, _) in running.items()
            for kind in kinds
            if spec.get(_FIELDS[kind]) and pod_ip
        }
        for place in set(self._tasks) - wanted:
            self._tasks.pop(place).cancel()
        for identity in set(self.verdicts) - set(running):
            del self.verdicts[identity]
        for identity, kind in wanted - set(self._tasks):
            spec, instance = running[identity]
            probing = self._probe(kind, spec, instance, Target(spec, identity, pod_ip))
            self._tasks[identity, kind] = group.create_task(probing, name=f"{kind} probe {spec['name']}")

    async def _probe(self, kind: Kind, spec: Object, instance: Container, target: Target) -> None:
        probe = spec[_FIELDS[kind]]
        period = float(probe.get("periodSeconds") or 10)
        await self._initial_delay(probe, instance)
        tally = Tally(probe.get("successThreshold") or 1, probe.get("failureThreshold") or 3)
        while True:
            if self._is_due(kind, spec, instance.id):
                began = self._clock.monotonic()
                outcome = await self._handlers.run(probe, target, float(probe.get("timeoutSeconds") or 1))
                self._count(kind, spec, outcome.success, self._clock.monotonic() - began)
                self._take(kind, spec, instance.id, outcome, tally)
            if kind == "startup" and self._verdict(instance.id).started is not None:
                return
            await self._clock.sleep(period if self._is_due(kind, spec, instance.id) else min(period, 0.2))

    async def _initial_delay(self, probe: Object, instance: Container) -> None:
        start = instance.started or self._clock.now()
        due = start + timedelta(seconds=probe.get("initialDelaySeconds") or 0)
        await self._clock.sleep(max((due - self._clock.now()).total_seconds(), 0))

    def _is_due(self, kind: Kind, spec: Object, identity: str) -> bool:
        verdict = self._verdict(identity)
        if kind == "liveness" and verdict.live is False:
            return False  # it is being killed
        return kind == "startup" or not spec.get("startupProbe") or verdict.started is True

    def _take(self, kind: Kind, spec: Object, identity: str, outcome: Outcome, tally: "Tally") -> None:
        if not outcome.success:
            message = f"{kind.capitalize()} probe failed: {outcome.message}"
            self._tell(spec, "Unhealthy", message[:MAX_MESSAGE])
        elif outcome.warning:
            self._tell(spec, "ProbeWarning", f"{kind.capitalize()} probe warning: {outcome.message}"[:MAX_MESSAGE])
        decided = tally.add(outcome.success)
        before = self._verdict(identity)
        if decided is None or getattr(before, _VERDICT[kind]) is decided:
            return
        self.verdicts[identity] = replace(before, **{_VERDICT[kind]: decided})
        self._wake()

    def _verdict(self, identity: str) -> Verdict:
        return self.verdicts.get(identity, NOTHING_KNOWN)


class Tally:
    """Consecutive results against the two thresholds."""

    def __init__(self, success_threshold: int, failure_threshold: int) -> None:
        self._needed = {True: success_threshold, False: failure_threshold}
        self._last: bool | None = None
        self._count = 0

    def add(self, success: bool) -> bool | None:
        """Count a result; the verdict once its threshold is reached, else None."""
        self._count = self._count + 1 if success is self._last else 1
        self._last = success
        return success if self._count >= self._needed[success] else None
