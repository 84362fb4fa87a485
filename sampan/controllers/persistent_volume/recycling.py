"""Empties a volume whose policy is Recycle, so that it can be claimed again: by a pod that is followed until it ends.

A pod of the right name that is there already may be anybody's: it is deleted, never believed. So after a restart the
volume is emptied once more. Rules: upstream's recycleVolumeOperation and volume/util/recyclerclient.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from sampan.controllers.persistent_volume.binding import unbind
from sampan.controllers.persistent_volume.hands import Hands
from sampan.controllers.persistent_volume.recycler_pod import NAMESPACE, recycler_pod
from sampan.controllers.persistent_volume.step import Step, tell
from sampan.controllers.persistent_volume.volume import failed
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import AlreadyExists, APIError, NotFound
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.reconcile.events import NORMAL

UsersOf = Callable[[Object], Sequence[str]]  # the pods that still use a volume by its claim
_FAILED = "VolumeFailedRecycle"


async def recycle(hands: Hands, users_of: UsersOf, volume: Object) -> None:
    """Empty it and make it available; a volume that can't be emptied is Failed, and says why."""
    fresh = await hands.read_if_released(volume)
    if fresh is None:
        return
    if users := users_of(fresh):
        told = tell(fresh, NORMAL, _FAILED, f"Volume is used by pods: {','.join(users)}")
        await hands.take(Step(told=(told,)))
        return
    pod = recycler_pod(fresh)
    if pod is None:
        await hands.take(failed(fresh, _FAILED, "No recycler plugin found for the volume!"))
    elif problem := await _emptied(hands, fresh, pod):
        await hands.take(failed(fresh, _FAILED, f"Recycle failed: {problem}"))
    elif (emptied := await hands.read_if_released(fresh)) is not None:
        told = tell(emptied, NORMAL, "VolumeRecycled", "Volume recycled")
        await hands.take(unbind(emptied)._replace(told=(told,)))


async def _emptied(hands: Hands, volume: Object, pod: Object) -> str:
    """What went wrong; empty where the pod has done it."""
    place = f"{NAMESPACE}/{pod['metadata']['name']}"
    try:
        made = await hands.client.create(POD, pod)
    except AlreadyExists:
        problem = await _deleted(hands, pod)
        wrong = f"failed to delete old recycler pod {place}: {problem}"
        return wrong if problem else "old recycler pod found, will retry later"
    except APIError as error:
        return f"unexpected error creating recycler pod:  {error}"
    problem = await _followed(hands, volume, made)
    left = await _deleted(hands, made)
    if problem:
        return f"failed to recycle volume: {problem}"
    return f"failed to delete recycler pod: {left}" if left else ""


async def _deleted(hands: Hands, pod: Object) -> str:
    meta = pod["metadata"]
    try:
        await hands.client.delete(POD, meta["name"], NAMESPACE, uid=meta.get("uid") or "")
    except NotFound:
        return ""
    except APIError as error:
        return str(error)
    return ""


async def _followed(hands: Hands, volume: Object, pod: Object) -> str:
    """Wait for the pod's end, and meanwhile tell of the volume what is told of the pod."""
    async with asyncio.TaskGroup() as group:
        forwarding = group.create_task(_forward(hands, volume, pod), name="events of a recycler")
        try:
            return await _ended(hands, pod)
        except (APIError, OSError):
            return "recycler pod watcher failed"
        finally:
            forwarding.cancel()


async def _forward(hands: Hands, volume: Object, pod: Object) -> None:
    with suppress(APIError, OSError):
        async with hands.client.watch(
            EVENT, NAMESPACE, fields=f"involvedObject.uid={pod['metadata']['uid']}"
        ) as events:
            async for event in events:
                if event.type == "ADDED":
                    message = f"Recycler pod: {event.object.get('message') or ''}"
                    hands.recorder.event(volume, event.object.get("type") or NORMAL, "RecyclerPod", message)


async def _ended(hands: Hands, pod: Object) -> str:
    """How the pod has ended: empty for well. A watch may end before it does."""
    meta = pod["metadata"]
    while True:
        try:
            found = await hands.client.get(POD, meta["name"], NAMESPACE)
        except NotFound:
            return "recycler pod was deleted"
        if (ending := _ending(found, meta["uid"])) is not None:
            return ending
        version = found["metadata"]["resourceVersion"]
        fields = f"metadata.name={meta['name']}"
        async with hands.client.watch(POD, NAMESPACE, resource_version=version, fields=fields) as events:
            async for event in events:
                if event.type == "DELETED":
                    return "recycler pod was deleted"
                if event.type == "MODIFIED" and (ending := _ending(event.object, meta["uid"])) is not None:
                    return ending


def _ending(pod: Object, uid: str) -> str | None:
    """None while it goes on."""
    if pod["metadata"]["uid"] != uid:
        return "recycler pod was deleted"
    phase = get_path(pod, ("status", "phase"))
    if phase == "Succeeded":
        return ""
    if phase == "Failed":
        return str(get_path(pod, ("status", "message"), "")) or "pod failed, pod.Status.Message unknown"
    return None
