"""What is wrong with requests and limits: names of resources, amounts, and requests beyond limits."""

from sampan.kinds.checks import Errors
from sampan.machinery import quantity
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, check, forbidden, invalid, qualified_name, required

_CONTAINER_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_QUOTA_RESOURCES = {
    *("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "storage"),
    *("persistentvolumeclaims", "services.nodeports", "services.loadbalancers", "requests.storage"),
    *(f"{kind}.{name}" for kind in ("requests", "limits") for name in _CONTAINER_RESOURCES),
}
HUGE_PAGES = "hugepages-"


def is_native(name: str) -> bool:
    """Whether Kubernetes itself knows the resource: it has no prefix, or kubernetes.io's."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Whether the resource is one that devices bring, such as example.com/gpu: counted whole, never overcommitted."""
    return not is_native(name) and not name.startswith("requests.") and not qualified_name(f"requests.{name}")


def may_overcommit(name: str) -> bool:
    """Whether a limit may be above the request."""
    return is_native(name) and not name.startswith(HUGE_PAGES)


def validate_resources(resources: Object, path: Path) -> Errors:
    """ResourceRequirements of a container."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for field, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            yield from _name(name, path.child(field).key(name))
            yield from _amount(name, amount, path.child(field).key(name))
    for name, amount in requests.items():
        yield from _request(name, amount, limits.get(name), path)
    huge = any(name.startswith(HUGE_PAGES) for name in (*limits, *requests))
    if huge and not {"cpu", "memory"} & {*limits, *requests}:
        yield forbidden(path, "HugePages require cpu or memory")


def _name(name: str, path: Path) -> Errors:
    yield from check(path, name, qualified_name(name))
    if "/" not in name:
        if name in _CONTAINER_RESOURCES or name.startswith(HUGE_PAGES):
            return
        if name not in _QUOTA_RESOURCES:
            yield invalid(path, name, "must be a standard resource type or fully qualified")
        yield invalid(path, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        yield invalid(path, name, "doesn't follow extended resource name standard")


def _amount(name: str, amount: str, path: Path) -> Errors:
    if quantity.compare(amount, "0") < 0:
        yield invalid(path, amount, "must be greater than or equal to 0")
    if is_extended(name) and quantity.milli(amount) % 1000:
        yield invalid(path, amount, "must be an integer")


def _request(name: str, amount: str, limit: str | None, path: Path) -> Errors:
    if limit is None:
        if not may_overcommit(name):
            yield required(path.child("limits"), "Limit must be set for non overcommitable resources")
        return
    order = quantity.compare(amount, limit)
    if order and not may_overcommit(name):
        yield invalid(path.child("requests"), amount, f"must be equal to {name} limit of {limit}")
    elif order > 0:
        yield invalid(path.child("requests"), amount, f"must be less than or equal to {name} limit of {limit}")
