"""Resources of a pod as a whole (KEP-2837): what they are by default, and what is wrong with them.

Defaults come after all containers are known, so they are no part of decoding. Upstream: pkg/api/pod
(DefaultPodLevelResources), pkg/apis/core/validation (validatePodResources).
"""

from sampan.kinds.checks import Errors
from sampan.kinds.core.pod_resources import Field, Resources, aggregated, is_pod_level, resources
from sampan.kinds.core.resource_validation import (
    HUGE_PAGES,
    may_overcommit,
    validate_resource_name,
    validate_resources,
)
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, forbidden, invalid, not_supported

_SUPPORTED = ("cpu", "hugepages-", "memory")


def is_set(spec: Object) -> bool:
    """Whether a pod says anything of itself as a whole."""
    own = spec.get("resources") or {}
    return bool(own.get("requests") or own.get("limits"))


def default_pod_level(spec: Object) -> None:
    """Complete what a pod says of itself by what it says of its containers, in place."""
    if not is_set(spec):
        return
    own = spec["resources"]
    limits, requests = dict(own.get("limits") or {}), dict(own.get("requests") or {})
    for name, amount in _of_containers(spec, "limits").items():
        if name.startswith(HUGE_PAGES) and name not in requests:
            limits.setdefault(name, str(amount))
    for name, amount in _of_containers(spec, "requests").items():
        if may_overcommit(name):
            requests.setdefault(name, str(amount))
    requests = {**{name: amount for name, amount in limits.items() if is_pod_level(name)}, **requests}
    limits |= _missing_limits(spec, requests, limits)
    spec["resources"] = {**own, **{f: v for f, v in (("limits", limits), ("requests", requests)) if v}}


def _of_containers(spec: Object, field: Field) -> Resources:
    return {name: amount for name, amount in aggregated(spec, field).items() if is_pod_level(name)}


def _missing_limits(spec: Object, requests: Object, limits: Object) -> dict[str, str]:
    """Where every container is limited, so is the pod: to their sum, or to what it requests if that is more."""
    wanted, found = resources(requests), {}
    for name, amount in _of_containers(spec, "limits").items():
        if name in wanted and name not in limits and all(name in own for own in _container_limits(spec)):
            found[name] = str(max(wanted[name], amount, key=lambda one: one.nano))
    return found


def _container_limits(spec: Object) -> list[Object]:
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    return [(container.get("resources") or {}).get("limits") or {} for container in containers]


def validate_pod_level(spec: Object, path: Path) -> Errors:
    """spec.resources."""
    if (own := spec.get("resources")) is None:
        return
    if (spec.get("os") or {}).get("name") == "windows":
        yield forbidden(path, "may not be set for a windows pod")
        return
    if own.get("claims") is not None:
        yield forbidden(path.child("claims"), "claims may not be set for Resources at pod-level")
    yield from validate_resources(own, path, _name)
    yield from _covers(spec, own, path)


def _name(name: str, path: Path) -> Errors:
    wrong = list(validate_resource_name(name, path))
    yield from wrong
    if not wrong and not is_pod_level(name):
        yield not_supported(path, name, _SUPPORTED)


def _covers(spec: Object, own: Object, path: Path) -> Errors:
    """A pod requests no less than its containers together, and limits none of them to less than it says."""
    requests, limits = resources(own.get("requests")), resources(own.get("limits"))
    for field, amounts, sums in (
        ("requests", requests, aggregated(spec, "requests")),
        ("limits", {n: a for n, a in limits.items() if n.startswith(HUGE_PAGES)}, aggregated(spec, "limits")),
    ):
        for name, amount in amounts.items():
            if name in sums and sums[name].nano > amount.nano:
                detail = f"must be greater than or equal to aggregate container {field} of {sums[name]}"
                yield invalid(path.child(field).key(name), str(amount), detail)
    for index, container in enumerate(spec.get("containers") or ()):
        for name, amount in resources((container.get("resources") or {}).get("limits")).items():
            if name in limits and amount.nano > limits[name].nano:
                at = path.child("containers").index(index).key(name).child("limits")
                yield invalid(at, str(amount), f"must be less than or equal to pod limits of {limits[name]}")
