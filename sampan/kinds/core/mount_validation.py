"""What is wrong with a container's volume mounts and devices."""

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, forbidden, invalid, not_found


def validate_mounts(container: Object, path: Path, volumes: frozenset[str]) -> Errors:
    """Every mount names a volume of the pod and has a place of its own."""
    devices = container.get("volumeDevices") or []
    device_names = {device.get("name") for device in devices}
    device_paths = {device.get("devicePath") for device in devices}
    places: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        at, place = path.child("volumeMounts").index(index), mount.get("mountPath") or ""
        yield from _volume_name(mount.get("name") or "", at.child("name"), volumes)
        yield from _place(place, at.child("mountPath"), places)
        if mount.get("name") in device_names:
            yield invalid(at.child("name"), mount["name"], "must not already exist in volumeDevices")
        if place in device_paths:
            yield invalid(at.child("mountPath"), place, "must not already exist as a path in volumeDevices")
        yield from _sub_paths(mount, path.child("volumeMounts"), at)
        yield from _modes(mount, container, at)
    yield from _devices(devices, path.child("volumeDevices"), volumes)


def _volume_name(name: str, path: Path, volumes: frozenset[str]) -> Errors:
    if name not in volumes:
        yield not_found(path, name)


def _place(place: str, path: Path, places: set[str]) -> Errors:
    if place in places:
        yield invalid(path, place, "must be unique")
    places.add(place)


def _sub_paths(mount: Object, mounts: Path, path: Path) -> Errors:
    # Upstream reports bad sub-paths at the list of mounts, not at the mount.
    if sub_path := mount.get("subPath"):
        yield from descending_path(sub_path, mounts.child("subPath"))
    if expression := mount.get("subPathExpr"):
        if sub_path:
            detail = "subPathExpr and subPath are mutually exclusive"
            yield invalid(path.child("subPathExpr"), expression, detail)
        yield from descending_path(expression, mounts.child("subPathExpr"))


def _modes(mount: Object, container: Object, path: Path) -> Errors:
    propagation, recursive = mount.get("mountPropagation"), mount.get("recursiveReadOnly")
    if propagation == "Bidirectional" and not get_path(container, ("securityContext", "privileged")):
        detail = "Bidirectional mount propagation is available only to privileged containers"
        yield forbidden(path.child("mountPropagation"), detail)
    if recursive in ("Enabled", "IfPossible") and not mount.get("readOnly"):
        yield forbidden(path.child("recursiveReadOnly"), "may only be specified when readOnly is true")


def _devices(devices: list[Object], path: Path, volumes: frozenset[str]) -> Errors:
    places: set[str] = set()
    for index, device in enumerate(devices):
        at = path.index(index)
        yield from _volume_name(device.get("name") or "", at.child("name"), volumes)
        yield from _place(device.get("devicePath") or "", at.child("devicePath"), places)


def descending_path(target: str, path: Path) -> Errors:
    """A relative path that never leads upwards."""
    if target.startswith("/"):
        yield invalid(path, target, "must be a relative path")
    yield from no_backsteps(target, path)


def no_backsteps(target: str, path: Path) -> Errors:
    """A path without `..` steps."""
    if ".." in target.split("/"):
        yield invalid(path, target, "must not contain '..'")


def local_path(target: str, path: Path) -> Errors:
    """A descending path whose first step leaves names with two dots to the kubelet."""
    yield from descending_path(target, path)
    if target.startswith("..") and not target.startswith("../"):
        yield invalid(path, target, "must not start with '..'")
