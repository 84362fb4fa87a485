"""The shell of the binder: it looks, asks claim.py and volume.py for the next step, takes it, and looks again.

One key is worked on at a time, volumes and claims alike, for two claims that are bound side by side would meet at one
volume again and again. Upstream looks at everything each 15 s; here what has changed wakes what it concerns, and only
what waits is looked at in that rhythm, for events and for what takes several attempts.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from sampan.controllers.config import ControllerContext
from sampan.controllers.persistent_volume.claim import View, is_delayed, is_pending, plan_claim
from sampan.controllers.persistent_volume.deleting import delete
from sampan.controllers.persistent_volume.free_volumes import FreeVolumes, is_free
from sampan.controllers.persistent_volume.hands import Hands
from sampan.controllers.persistent_volume.operations import Operations
from sampan.controllers.persistent_volume.recycling import recycle
from sampan.controllers.persistent_volume.step import NOTHING, Step
from sampan.controllers.persistent_volume.volume import DELETE, RETAIN, claim_key, is_over, plan_volume, policy_of
from sampan.controllers.pods import is_terminated
from sampan.controllers.pvc_protection import BY_CLAIM, index_by_claim
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.volume_claims import class_of
from sampan.kinds.default_class import default_class
from sampan.kinds.storage.storage_class import DEFAULT_MARKS, is_default
from sampan.kinds.storage.storage_class import KIND as STORAGE_CLASS
from sampan.machinery.meta import Key, Object, key_of
from sampan.machinery.tree import get_path
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Controller
from sampan.reconcile.pace import shared_pace

_CLAIMED = "volumes by the claim that they name"
_PENDING, _ASKING = "pending claims by class", "claims by the volume that they name"
_REST = 0.1  # seconds between two looks for who may get a free volume
_MOST_STEPS = 10  # of one object in a row: more than any binding has


class VolumeBinder(Controller):
    """Keys with a namespace are claims, those without are volumes."""

    name = "persistentvolume-binder-controller"
    component = "persistentvolume-controller"
    account = "persistent-volume-binder"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.period = context.config.pvclaimbinder_sync_period
        self.volumes = self.watch(VOLUME, self._of_volume)
        self.claims = self.watch(CLAIM, self._of_claim)
        self.classes = self.watch(STORAGE_CLASS, self._of_class)
        self.pods = self.watch(POD, None)
        self._index()
        self.free = FreeVolumes()
        self._freed: set[str] = set()  # classes that have a new free volume
        self._has_freed = asyncio.Event()
        self.volumes.on_change(self._volume_changed)
        self.hands = Hands(self.client, self.recorder, self.volumes, self.claims)
        self.operations = Operations()
        self.view = View(
            lambda name: self.hands.volumes.get(Key("", name)),
            self._candidates,
            lambda name: self.classes.get(Key("", name)),
            lambda: default_class(self.classes.items(), DEFAULT_MARKS),
            self._waiting_pods,
        )

    def _index(self) -> None:
        self.volumes.add_index(_CLAIMED, lambda volume: [str(key)] if (key := claim_key(volume)) else ())
        self.claims.add_index(_PENDING, lambda claim: [class_of(claim)] if is_pending(claim) else ())
        self.claims.add_index(_ASKING, lambda claim: [name] if (name := claim["spec"].get("volumeName")) else ())
        index_by_claim(self.pods)

    # What a change concerns

    def _of_volume(self, volume: Object) -> Iterator[Key]:
        """The volume, and the claims that it has to do with; those that could get it are looked for in background."""
        yield key_of(volume)
        if key := claim_key(volume):
            yield key
        yield from map(key_of, self.claims.by(_ASKING, volume["metadata"]["name"]))

    def _volume_changed(self, old: Object | None, new: Object | None) -> None:
        self.free.change(old, new)
        if new is not None and is_free(new):
            self._freed.add(class_of(new))
            self._has_freed.set()

    def _of_claim(self, claim: Object) -> Iterator[Key]:
        yield key_of(claim)
        if name := claim["spec"].get("volumeName"):
            yield Key("", name)
        yield from map(key_of, self.volumes.by(_CLAIMED, str(key_of(claim))))

    def _of_class(self, storage_class: Object) -> Iterable[Key]:
        """The claims that wait for it; those without a class may get it as their default."""
        names = {storage_class["metadata"]["name"], *([""] if is_default(storage_class) else ())}
        return [key_of(claim) for name in names for claim in self.claims.by(_PENDING, name)]

    async def background(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.operations.run(), name=f"{self.name} operations")
            group.create_task(self._wake_who_may_get_one(), name=f"{self.name} free volumes")
            while True:
                await self.clock.sleep(self.period)
                self._wake_what_waits()

    async def _wake_who_may_get_one(self) -> None:
        """However many claims wait, a new volume wakes those that fit it, in slices and a tenth of the time at most."""
        pace = shared_pace()
        while True:
            await self._has_freed.wait()
            self._has_freed.clear()
            classes, self._freed, began = self._freed, set(), self.clock.monotonic()
            for claim in [claim for name in classes for claim in self.claims.by(_PENDING, name)]:
                await pace.keep()
                if not is_delayed(claim, self.view) and any(self.free.offers(claim, self.hands.volumes.get)):
                    self.queue.add(key_of(claim))
            await self.clock.sleep(max(_REST, 9 * (self.clock.monotonic() - began)))

    def _wake_what_waits(self) -> None:
        for claim in self.claims.items():
            if get_path(claim, ("status", "phase")) not in ("Bound", "Lost"):
                self.queue.add(key_of(claim))
        for volume in self.volumes.items():
            if is_over(volume) and policy_of(volume) != RETAIN:
                self.queue.add(key_of(volume))

    # What there is

    def _candidates(self, claim: Object) -> Iterable[Object]:
        """Free volumes, those that name the claim, and what is not filed yet."""
        newest = self.hands.volumes.get
        filed = [*self.volumes.by(_CLAIMED, str(key_of(claim))), *self.hands.volumes.unseen()]
        others = [volume for key in set(map(key_of, filed)) if (volume := newest(key)) is not None]
        return [*others, *self.free.offers(claim, newest)]

    def _waiting_pods(self, claim: Object) -> Sequence[str]:
        pods = self._active_pods(key_of(claim))
        return [pod["metadata"]["name"] for pod in pods if not pod["spec"].get("nodeName")]

    def _users_of(self, volume: Object) -> Sequence[str]:
        """The pods that use a volume by its claim; a new claim of that name has another volume, and its pods, too."""
        key = claim_key(volume)
        if key is None or self.hands.claims.get(key) is not None:
            return ()
        return sorted(str(key_of(pod)) for pod in self._active_pods(key))

    def _active_pods(self, claim: Key) -> list[Object]:
        return [pod for pod in self.pods.by(BY_CLAIM, str(claim)) if not is_terminated(pod)]

    # What is done

    async def reconcile(self, key: Key) -> Action:
        for _ in range(_MOST_STEPS):
            step = await (self._for_claim(key) if key.namespace else self._for_volume(key))
            await self.hands.take(step)
            if not step.again:
                break
        return WAIT

    async def _for_claim(self, key: Key) -> Step:
        claim = self.hands.claims.get(key)
        return NOTHING if claim is None else plan_claim(claim, self.view)

    async def _for_volume(self, key: Key) -> Step:
        volume = self.hands.volumes.get(key)
        if volume is None:
            return NOTHING
        step = plan_volume(volume, await self.hands.claim_of(volume))
        if step.reclaim:
            self._reclaim(volume)
        return step

    def _reclaim(self, volume: Object) -> None:
        name, uid = volume["metadata"]["name"], volume["metadata"]["uid"]
        if policy_of(volume) == DELETE:
            self.operations.start(f"delete-{name}[{uid}]", partial(delete, self.hands, volume))
        else:
            self.operations.start(f"recycle-{name}[{uid}]", partial(recycle, self.hands, self._users_of, volume))
