"""What containers, pods and claims exceed. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from sampan.kinds.core.pod_resources import Resources, of_spec, resources
from sampan.machinery.meta import Object
from sampan.machinery.quantity import Quantity


class Usage(NamedTuple):
    """What something asks for, and what it is limited to."""

    requests: Resources
    limits: Resources


def of_pod(pod: Object, limit_range: Object) -> Iterator[str]:
    """What is wrong with a pod and its containers."""
    spec = pod["spec"]
    for item in limit_range["spec"].get("limits") or ():
        if item.get("type") == "Container":
            for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
                yield from _faults("Container", item, _usage(container.get("resources") or {}))
        elif item.get("type") == "Pod":
            yield from _faults("Pod", item, Usage(of_spec(spec, "requests"), of_spec(spec, "limits")))


def of_claim(claim: Object, limit_range: Object) -> Iterator[str]:
    """What is wrong with a claim: it has no limits, so the largest is held against what it asks for."""
    asked = resources((claim["spec"].get("resources") or {}).get("requests"))
    for item in limit_range["spec"].get("limits") or ():
        if item.get("type") == "PersistentVolumeClaim":
            bounds = ((_below, item.get("min")), (_above_request, item.get("max")))
            yield from _broken("PersistentVolumeClaim", bounds, Usage(asked, {}))


class _Case(NamedTuple):
    """One bound on one resource."""

    name: str
    type: str  # Container, Pod, PersistentVolumeClaim
    bound: Quantity
    request: Quantity | None
    limit: Quantity | None


_Rule = Callable[[_Case], str]  # what is wrong, or nothing


def _usage(tree: Object) -> Usage:
    return Usage(resources(tree.get("requests")), resources(tree.get("limits")))


def _faults(type_: str, item: Object, usage: Usage) -> Iterator[str]:
    bounds = ((_below, item.get("min")), (_above, item.get("max")), (_beyond_ratio, item.get("maxLimitRequestRatio")))
    return _broken(type_, bounds, usage)


def _broken(type_: str, bounds: Iterable[tuple[_Rule, Mapping[str, str] | None]], usage: Usage) -> Iterator[str]:
    for rule, amounts in bounds:
        for name, bound in resources(amounts).items():
            case = _Case(name, type_, bound, usage.requests.get(name), usage.limits.get(name))
            if text := rule(case):
                yield text


def _below(case: _Case) -> str:
    name, type_, bound, request, limit = case
    rule = f"minimum {name} usage per {type_} is {bound}"
    if request is None:
        return f"{rule}.  No request is specified"
    if request.nano < bound.nano:
        return f"{rule}, but request is {request}"
    return f"{rule}, but limit is {limit}" if limit is not None and limit.nano < bound.nano else ""


def _above(case: _Case) -> str:
    name, type_, bound, request, limit = case
    rule = f"maximum {name} usage per {type_} is {bound}"
    if limit is None:
        return f"{rule}.  No limit is specified"
    if limit.nano > bound.nano:
        return f"{rule}, but limit is {limit}"
    return f"{rule}, but request is {request}" if request is not None and request.nano > bound.nano else ""


def _above_request(case: _Case) -> str:
    rule, request = f"maximum {case.name} usage per {case.type} is {case.bound}", case.request
    if request is None:
        return f"{rule}.  No request is specified"
    return f"{rule}, but request is {request}" if request.nano > case.bound.nano else ""


def _beyond_ratio(case: _Case) -> str:
    name, type_, bound, request, limit = case
    rule = f"{name} max limit to request ratio per {type_} is {bound}"
    if not request or not request.nano:
        return f"{rule}, but no request is specified or request is 0"
    if not limit or not limit.nano:
        return f"{rule}, but no limit is specified or limit is 0"
    if limit.nano * 10**9 > bound.nano * request.nano:
        return f"{rule}, but provided ratio is {limit.nano / request.nano:f}"
    return ""
