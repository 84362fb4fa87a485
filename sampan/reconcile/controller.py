"""The base of every controller: watched kinds map to keys, keys go through a queue, workers reconcile them.

A controller is level-triggered: `reconcile(key)` sees no event, only the state of the informers, and returns when it
wants to be called again. An exception is a retry with growing delays, a `TerminalError` is not retried. Controllers are
run by manager.py.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from sampan.client.api import Client
from sampan.client.informer import Informer, Informers
from sampan.machinery.errors import APIError, Conflict, namespace_terminates
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, controller_of, key_of
from sampan.reconcile.action import Action, TerminalError
from sampan.reconcile.clock import Clock
from sampan.reconcile.events import EventRecorder
from sampan.reconcile.metrics import ReconcileMetrics
from sampan.reconcile.pace import shared_pace
from sampan.reconcile.queue import HIGH, LOW, WorkQueue

log = logging.getLogger(__name__)

_NAMESPACES_AT_ONCE = 20  # that may have all their workers busy
MANAGER = "system:kube-controller-manager"  # as a controller's account: it acts as what runs it

# Which keys of the controller's queue a watched object concerns. Called for the old and for the new form of it.
KeysOf = Callable[[Object], Iterable[Key]]
# Whether an update (old, new) matters at all. Not asked about additions and removals: they always do.
Matters = Callable[[Object, Object], bool]


@dataclass(frozen=True, slots=True)
class Context:
    """What every controller is given."""

    client: Client
    informers: Informers
    clock: Clock
    metrics: ReconcileMetrics = field(default_factory=ReconcileMetrics)
    events: Client | None = None  # by which events are written, so that they don't use up the other one's rate


def _namespace(key: Key) -> str:
    return key.namespace


def own_key(obj: Object) -> Iterable[Key]:
    """The key of the object itself."""
    return (key_of(obj),)


def owned_by(kind: Kind) -> KeysOf:
    """The key of the object's controller, if that is of `kind` (in any version of its group)."""
    groups = {version.group for version in kind.versions}

    def keys(obj: Object) -> Iterable[Key]:
        owner = controller_of(obj)
        if owner is None or owner.kind != kind.name or owner.api_version.rpartition("/")[0] not in groups:
            return ()
        return (Key(obj["metadata"].get("namespace", "") if kind.namespaced else "", owner.name),)

    return keys


class Controller:
    """Subclass, name it, `watch` in __init__, and write `reconcile`."""

    name: ClassVar[str] = ""  # upstream's, e.g. "replicaset-controller"
    component: ClassVar[str] = ""  # of its events, where that is not called like it
    account: ClassVar[str] = ""  # the ServiceAccount in kube-system that it acts as, where that is not called like it
    workers: ClassVar[int] = 5  # keys of one namespace, or of no namespace, that are worked on at once; 1: in all
    rate_factor: ClassVar[float] = 1.0  # how many times the rate of others it has

    def __init__(self, context: Context) -> None:
        self.client = context.client
        self.informers = context.informers
        self.clock = context.clock
        self.queue: WorkQueue[Key] = WorkQueue(context.clock, owner=_namespace, at_once=self.workers)
        self.recorder = EventRecorder(context.events or context.client, self.component or self.name, context.clock)
        self._metrics = context.metrics
        self._watched: list[Informer] = []
        self._hired = 0  # workers

    async def reconcile(self, key: Key) -> Action:
        """Bring what `key` names closer to what is wanted. Raises anything to be called again after a delay."""
        raise NotImplementedError

    async def background(self) -> None:
        """What the controller does besides reconciling, once all is synced; cancelled with it. By default nothing."""

    def watch(self, kind: Kind, keys: KeysOf | None = own_key, *, matters: Matters | None = None) -> Informer:
        """Follow a kind and enqueue the keys that a change concerns; `keys` None follows without enqueueing."""
        informer = self.informers.of(kind)
        self._watched.append(informer)
        if keys is not None:
            informer.on_change(partial(self._enqueue, informer, keys, matters))
        return informer

    async def synced(self) -> None:
        """Wait until everything that is watched has been listed."""
        for informer in self._watched:
            await informer.synced()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Reconcile until cancelled; `ready` is called when all is synced and the workers are about to start."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run(), name=f"{self.name} delays")
            group.create_task(self.recorder.run(), name=f"{self.name} events")
            await self.synced()
            ready()
            group.create_task(self.background(), name=f"{self.name} background")
            if self.workers:
                self._hire(group)

    def _enqueue(
        self, informer: Informer, keys: KeysOf, matters: Matters | None, old: Object | None, new: Object | None
    ) -> None:
        if matters is not None and old is not None and new is not None and not matters(old, new):
            return
        priority = LOW if informer.relisting else HIGH
        for obj in (old, new):
            if obj is not None:
                for key in keys(obj):
                    self.queue.add(key, priority)

    def _hire(self, group: asyncio.TaskGroup) -> None:
        """One more worker: there is always one that waits, up to the most there may be."""
        self._hired += 1
        group.create_task(self._work(group), name=f"{self.name} worker {self._hired}")

    def _most_workers(self) -> int:
        """In all; where a namespace may have one only, there is one: such a controller does one thing after another."""
        return self.workers * _NAMESPACES_AT_ONCE if self.workers > 1 else self.workers

    async def _work(self, group: asyncio.TaskGroup) -> None:
        pace = shared_pace()
        while True:
            await pace.keep()
            key = await self.queue.get()
            if not self.queue.idle and self._hired < self._most_workers():
                self._hire(group)
            try:
                await self._process(key)
            finally:
                self.queue.done(key)

    async def _process(self, key: Key) -> None:
        started = self.clock.monotonic()
        try:
            action = await self.reconcile(key)
        except TerminalError as error:
            self.queue.forget(key)
            log.error("%s gives up on %s: %s", self.name, key, error)
            outcome = "terminal_error"
        except Exception as error:  # noqa: BLE001 - it is logged below, and must not stop the other keys
            outcome = self._failed(key, error)
        else:
            outcome = self._succeeded(key, action)
        self._metrics.reconciled(self.name, outcome, self.clock.monotonic() - started)

    def _succeeded(self, key: Key, action: Action) -> str:
        self.queue.forget(key)
        if action.requeue_after is None:
            return "success"
        self.queue.add_after(key, action.requeue_after)
        return "requeue_after"

    def _failed(self, key: Key, error: Exception) -> str:
        """Try again later. What the API refuses is expected now and then; anything else is a bug with a traceback.

        In a namespace that is being deleted no later attempt to create something fares better.
        """
        if isinstance(error, APIError) and namespace_terminates(error):
            self.queue.forget(key)
            log.debug("%s drops %s: %s", self.name, key, error)
            return "terminal_error"
        delay = self.queue.retry(key)
        level = logging.DEBUG if isinstance(error, Conflict) else logging.WARNING
        bug = None if isinstance(error, (APIError, OSError)) else error
        log.log(level, "%s: %s failed, again in %.3f s: %s", self.name, key, delay, error, exc_info=bug)
        return "error"
