"""Which changes of a pod's resources are a resize that its node can carry out while it runs (KEP-1287, KEP-5419).

CPU and memory of containers and of the pod as a whole may change; nothing that was asked for may be dropped, and the
quality-of-service class stays. Upstream: pkg/apis/core/validation (ValidatePodResize). Called by
apiserver/subresources/resize.py.
"""

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.core.pod_level_resources import is_set
from sampan.kinds.core.qos import qos_class
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.tree import get_path, semantic_equal
from sampan.machinery.validation import Path, duplicate, forbidden, invalid, not_supported, required

MIRROR = "kubernetes.io/config.mirror"
_WHOLE = Path("")
_RESOURCES, _POLICIES = ("cpu", "memory"), ("NotRequired", "RestartContainer")
_ONLY = "only cpu and memory resources are mutable"
_LISTS = ("containers", "initContainers")


def validate_resize_policy(policies: list[Object], path: Path, restarts: bool) -> Errors:
    """How a container takes a change of a resource; `restarts`: whether it may be started again for it."""
    seen = set()
    for index, policy in enumerate(policies):
        resource, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if resource in seen:
            yield duplicate(path.index(index), resource)
        seen.add(resource)
        for value, known in ((resource, _RESOURCES), (restart, _POLICIES)):
            if not value:
                yield required(path)
            elif value not in known:
                yield not_supported(path, value, known)
        if not restarts and restart != "NotRequired":
            yield invalid(path, restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'")


def validate_resize(new: Object, old: Object) -> Errors:
    """What a resize may not change; whether the pod that it makes is a good one is checked elsewhere."""
    if refused := _never(old):
        yield forbidden(_WHOLE, refused)
        return
    if (get_path(old, ("status", "qosClass")) or qos_class(old)) != qos_class(new):
        told = get_path(new, ("status", "qosClass")) or ""
        yield invalid(SPEC, told, "Pod QOS Class may not change as a result of resizing")
    if not _is_supported(old):
        yield forbidden(SPEC, "Pod running on node without support for resize")
    if is_set(old["spec"]) or is_set(new["spec"]):
        yield from _pod_level(new["spec"].get("resources"), old["spec"].get("resources"))
    if moved := list(_order(new["spec"], old["spec"])):
        yield from moved
        return
    found = [*_removals(new["spec"], old["spec"]), *_other_changes(new["spec"], old["spec"])]
    yield from found
    if not found and not semantic_equal(_without_resources(new["spec"]), _without_resources(old["spec"])):
        yield forbidden(SPEC, _ONLY)


def _never(old: Object) -> str:
    """Why no resize of this pod is possible at all."""
    if MIRROR in annotations_of(old):
        return "static pods cannot be resized"
    windows = get_path(old, ("spec", "os", "name")) == "windows"
    return "windows pods cannot be resized" if windows else ""


def _is_supported(pod: Object) -> bool:
    """Whether the pod's node resizes pods: it tells what resources its running containers have."""
    statuses = get_path(pod, ("status", "containerStatuses")) or ()
    running = (status for status in statuses if get_path(status, ("state", "running")) is not None)
    return all(status.get("resources") is not None for status in list(running)[:1])


def _order(new: Object, old: Object) -> Errors:
    for field in _LISTS:
        now, then, path = new.get(field) or [], old.get(field) or [], SPEC.child(field)
        if len(now) != len(then):
            yield forbidden(path, f"{field} may not be added or removed on resize")
            continue
        for index, (container, before) in enumerate(zip(now, then, strict=True)):
            if container.get("name") != before.get("name"):
                detail = f"{field} may not be renamed or reordered on resize"
                yield forbidden(path.index(index).child("name"), detail)


def _pod_level(new: Object | None, old: Object | None) -> Errors:
    path = SPEC.child("resources")
    if old is not None and new is None:
        yield forbidden(path, "pod-level resources cannot be removed")
        return
    for field in ("requests", "limits"):
        if _lacks(new, old, field):
            yield forbidden(path.child(field), f"pod-level resource {field} cannot be removed")
    if not semantic_equal(_fixed(new), _fixed(old)):
        yield forbidden(SPEC, "only cpu and memory resources are mutable at pod-level")


def _removals(new: Object, old: Object) -> Errors:
    for field in reversed(_LISTS):
        for index, (now, then) in enumerate(zip(new.get(field) or (), old.get(field) or (), strict=True)):
            path = SPEC.child(field).index(index).child("resources")
            for amounts in ("requests", "limits"):
                if _lacks(now.get("resources"), then.get("resources"), amounts):
                    yield forbidden(path.child(amounts), f"resource {amounts} cannot be removed")


def _lacks(new: Object | None, old: Object | None, field: str) -> bool:
    return not ((old or {}).get(field) or {}).keys() <= ((new or {}).get(field) or {}).keys()


def _other_changes(new: Object, old: Object) -> Errors:
    """Changes of containers beside CPU and memory; init containers that must be started again for it have ended."""
    for now, then in zip(new.get("containers") or (), old.get("containers") or (), strict=True):
        if not semantic_equal(_without_amounts(now), _without_amounts(then)):
            yield forbidden(SPEC, _ONLY)
    for index, (now, then) in enumerate(
        zip(new.get("initContainers") or (), old.get("initContainers") or (), strict=True)
    ):
        path = SPEC.child("initContainers").index(index)
        if not semantic_equal(_without_amounts(now), _without_amounts(then)):
            yield forbidden(path, "only cpu and memory resources for init or sidecar containers are mutable")
        if now.get("restartPolicy") == "Always" or semantic_equal(now, then):
            continue
        if any(policy.get("restartPolicy") == "RestartContainer" for policy in now.get("resizePolicy") or ()):
            detail = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
            yield forbidden(path, detail)


def _without_amounts(container: Object) -> Object:
    return {**container, "resources": _fixed(container.get("resources"))}


def _fixed(resources: Object | None) -> Object:
    """The part of resources that a resize leaves alone."""
    kept = dict(resources or {})
    for field in ("requests", "limits"):
        amounts = {name: amount for name, amount in (kept.pop(field, None) or {}).items() if name not in _RESOURCES}
        kept |= {field: amounts} if amounts else {}
    return kept


def _without_resources(spec: Object) -> Object:
    """A spec without what has been compared by itself."""
    return {field: value for field, value in spec.items() if field not in (*_LISTS, "resources")}
