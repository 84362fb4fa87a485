"""What is wrong with requests and limits: names of resources, amounts, and requests beyond limits."""

from collections.abc import Callable

from sampan.kinds.checks import Errors
from sampan.machinery import quantity
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, check, forbidden, invalid, qualified_name, required

_CONTAINER_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_COUNTED = {
    *("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps"),
    *("persistentvolumeclaims", "services.nodeports", "services.loadbalancers"),
}
_QUOTA_RESOURCES = {
    *(*_CONTAINER_RESOURCES, *_COUNTED, "requests.storage"),
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


def validate_resources(resources: Object, path: Path, name_rule: Callable[[str, Path], Errors] | None = None) -> Errors:
    """ResourceRequirements, of a container unless there is another rule for names."""
    validate_name = name_rule or validate_container_resource_name
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for field, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            yield from validate_name(name, path.child(field).key(name))
            yield from validate_resource_amount(name, amount, path.child(field).key(name))
    for name, amount in requests.items():
        yield from _request(name, amount, limits.get(name), path)
    huge = any(name.startswith(HUGE_PAGES) for name in (*limits, *requests))
    if huge and not {"cpu", "memory"} & {*limits, *requests}:
        yield forbidden(path, "HugePages require cpu or memory")


def validate_resource_name(name: str, path: Path) -> Errors:
    """A name of any resource: one that Kubernetes knows, or one with a prefix."""
    wrong = qualified_name(name)
    yield from check(path, name, wrong)
    if not wrong and "/" not in name and name != "storage" and not is_quota_resource(name):
        yield invalid(path, name, "must be a standard resource type or fully qualified")


def validate_container_resource_name(name: str, path: Path) -> Errors:
    """A resource that a container may ask for."""
    yield from validate_resource_name(name, path)
    if "/" not in name:
        if name not in _CONTAINER_RESOURCES and not name.startswith(HUGE_PAGES):
            yield invalid(path, name, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        yield invalid(path, name, "doesn't follow extended resource name standard")


def validate_quota_resource_name(name: str, path: Path) -> Errors:
    """A resource that a ResourceQuota may limit."""
    yield from validate_resource_name(name, path)
    if "/" not in name and not is_quota_resource(name):
        yield invalid(path, name, "must be a standard resource for quota")


def is_quota_resource(name: str) -> bool:
    """Whether quota knows a resource without a prefix."""
    return name in _QUOTA_RESOURCES or name.startswith((HUGE_PAGES, f"requests.{HUGE_PAGES}"))


def validate_resource_amount(name: str, amount: str, path: Path) -> Errors:
    """An amount of a resource: never negative, and whole where things are counted."""
    if quantity.compare(amount, "0") < 0:
        yield invalid(path, amount, "must be greater than or equal to 0")
    if (name in _COUNTED or is_extended(name)) and quantity.milli(amount) % 1000:
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
