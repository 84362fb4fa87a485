"""Whose figures count, and what pods ask for. Pure.

Pods that are going or have failed do not count at all; those that are not ready yet count as if they used nothing, when
more pods are wanted; those without figures count against the change. Rule: docs, Horizontal Pod Autoscaling, "Algorithm
details"; KEP-2837 for the requests of a whole pod.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from sampan.controllers.horizontal_pod_autoscaler.metric_values import PodMetric
from sampan.controllers.pods import condition, is_ready, phase_of
from sampan.kinds.core.pod_resources import add, is_pod_level, of_spec, resources
from sampan.machinery.meta import Object, is_deleting, parse_time
from sampan.machinery.quantity import parse

CPU, MEMORY = "cpu", "memory"


class CalculationError(Exception):
    """The replicas can't be told; the message says why, in upstream's words."""


class Timing(NamedTuple):
    """The time, and for how many seconds a pod's start is allowed for."""

    now: datetime
    cpu_initialization_period: float = 300.0  # of high use of CPU, and of being unready
    initial_readiness_delay: float = 30.0  # a pod that became unready within it has never been ready


class Groups(NamedTuple):
    """How many pods count with their figures, and the names of those that don't."""

    ready: int
    unready: set[str]
    missing: set[str]
    ignored: set[str]


def grouped(pods: Iterable[Object], metrics: Mapping[str, PodMetric], resource: str, timing: Timing) -> Groups:
    """Which pods count how; `resource` is "" for metrics that are of no resource."""
    ready = 0
    unready, missing, ignored = set[str](), set[str](), set[str]()
    for pod in pods:
        name, phase = pod["metadata"]["name"], phase_of(pod)
        if is_deleting(pod) or phase == "Failed":
            ignored.add(name)
        elif phase == "Pending":
            unready.add(name)
        elif name not in metrics:
            missing.add(name)
        elif resource == CPU and _is_starting(pod, metrics[name], timing):
            unready.add(name)
        else:
            ready += 1
    return Groups(ready, unready, missing, ignored)


def _is_starting(pod: Object, metric: PodMetric, timing: Timing) -> bool:
    """Whether what the pod uses of CPU says nothing yet: at first all of what is measured, later of the never ready."""
    ready, started = condition(pod, "Ready"), (pod.get("status") or {}).get("startTime")
    if ready is None or not started:
        return True
    start, is_false = parse_time(started), ready["status"] == "False"
    changed = parse_time(ready.get("lastTransitionTime") or "0001-01-01T00:00:00Z")
    if (timing.now - start).total_seconds() < timing.cpu_initialization_period:
        return is_false or (metric.timestamp - changed).total_seconds() < metric.window
    return is_false and (changed - start).total_seconds() < timing.initial_readiness_delay


def ready_pods(pods: Sequence[Object]) -> int:
    """How many run and are ready. Raises CalculationError where there is no pod at all."""
    if not pods:
        raise CalculationError("no pods returned by selector while calculating replica count")
    return sum(phase_of(pod) == "Running" and is_ready(pod) for pod in pods)


def requests_of(pods: Iterable[Object], container: str, resource: str) -> dict[str, int]:
    """What each pod, or a container of it, asks for, in thousandths. Raises CalculationError where one does not say.

    Of several that do not say it, the error names always the same.
    """
    by_name = sorted(((pod["metadata"]["name"], pod) for pod in pods), key=itemgetter(0))
    return {name: _request(pod, container, resource) for name, pod in by_name}


def _request(pod: Object, container: str, resource: str) -> int:
    spec, name = pod["spec"], pod["metadata"]["name"]
    if not container and any(map(is_pod_level, (spec.get("resources") or {}).get("requests") or ())):
        return _of_whole(pod, resource)
    total = 0
    for one in _lasting(spec):
        if container in ("", one["name"]):
            asked = ((one.get("resources") or {}).get("requests") or {}).get(resource)
            if asked is None:
                raise CalculationError(f"missing request for {resource} in container {one['name']} of Pod {name}")
            total += parse(str(asked)).milli()
            if container:
                return total
    if container:
        raise CalculationError(f"container {container} not found in Pod {name}")
    return total


def _of_whole(pod: Object, resource: str) -> int:
    """Of a pod that asks for itself: with the overhead of its runtime class."""
    asked = of_spec(pod["spec"], "requests")
    add(asked, resources(pod["spec"].get("overhead")))
    if resource not in asked:
        raise CalculationError(f"missing pod-level request for {resource} in Pod {pod['metadata']['name']}")
    return asked[resource].milli()


def _lasting(spec: Object) -> Iterable[Object]:
    """Containers and sidecars."""
    yield from spec.get("containers") or ()
    for one in spec.get("initContainers") or ():
        if one.get("restartPolicy") == "Always":
            yield one
