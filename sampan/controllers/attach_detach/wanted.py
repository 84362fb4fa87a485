"""Which volumes the pods of a node need attached. Pure; called by controller.py.

A claim counts once it is bound and its volume agrees; a driver that needs no attaching (attachRequired: false) is
passed over. Rules: upstream's attachdetach/util (createInTreeVolumeSpec) and csiPlugin.CanAttach.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sampan.controllers.attach_detach.attachments import Volume, volume_of
from sampan.controllers.pods import is_terminated
from sampan.controllers.pvc_protection import claims_of
from sampan.machinery.meta import Key, Object, controller_of
from sampan.machinery.tree import get_path

_SHARED = ("ReadWriteMany", "ReadOnlyMany")


@dataclass(frozen=True, slots=True)
class World:
    """What there is."""

    claim: Callable[[Key], Object | None]
    volume: Callable[[str], Object | None]  # by name
    driver: Callable[[str], Object | None]  # by name


@dataclass(frozen=True, slots=True)
class Wanted:
    """A volume, and the pods that need it."""

    name: str  # of the PersistentVolume
    volume: Volume
    is_exclusive: bool  # to one node at a time
    pods: list[Object] = field(default_factory=list)


def wanted_by(pods: Iterable[Object], world: World) -> dict[Volume, Wanted]:
    """What these pods need, those that have ended left out."""
    found: dict[Volume, Wanted] = {}
    for pod in pods:
        for persistent in () if is_terminated(pod) else _volumes(pod, world):
            volume = volume_of(persistent)
            if volume is not None and _is_attached_first(world.driver(volume.driver)):
                name = persistent["metadata"]["name"]
                found.setdefault(volume, Wanted(name, volume, _is_exclusive(persistent))).pods.append(pod)
    return found


def _volumes(pod: Object, world: World) -> Iterator[Object]:
    for key in dict.fromkeys(claims_of(pod)):
        claim = world.claim(key)
        if claim is None or get_path(claim, ("status", "phase")) != "Bound" or not _may_use(pod, claim):
            continue
        volume = world.volume(claim["spec"].get("volumeName") or "")
        if volume is not None and get_path(volume, ("spec", "claimRef", "uid")) == claim["metadata"]["uid"]:
            yield volume


def _may_use(pod: Object, claim: Object) -> bool:
    """Whether the pod names the claim, or it was made for the pod's ephemeral volume."""
    name = claim["metadata"]["name"]
    sources = [volume.get("persistentVolumeClaim") or {} for volume in pod["spec"].get("volumes") or ()]
    owner = controller_of(claim)
    is_named = any(source.get("claimName") == name for source in sources)
    return is_named or (owner is not None and owner.uid == pod["metadata"]["uid"])


def _is_attached_first(driver: Object | None) -> bool:
    """Of a driver that has said nothing it is taken for granted."""
    return driver is None or get_path(driver, ("spec", "attachRequired"), True) is not False


def _is_exclusive(volume: Object) -> bool:
    modes = volume["spec"].get("accessModes") or ()
    return bool(modes) and not any(mode in _SHARED for mode in modes)
