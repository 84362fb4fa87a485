"""One metric of an autoscaler: what it is measured to be, and how many pods that asks for.

Called by controller.py for each metric of the spec, in turn. Rules: KEP-117 (v2), KEP-1610 (ContainerResource);
upstream's computeReplicasForMetric and its like, whose words the texts are.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sampan.controllers.horizontal_pod_autoscaler import use_sources, value_sources
from sampan.controllers.horizontal_pod_autoscaler.combine import Failed, Proposal
from sampan.controllers.horizontal_pod_autoscaler.metrics import Metrics, MetricsError
from sampan.controllers.horizontal_pod_autoscaler.pods import CalculationError
from sampan.controllers.horizontal_pod_autoscaler.scaled import BriefError, Scaled
from sampan.machinery.meta import Object
from sampan.machinery.selectors import SelectorError


class Source(NamedTuple):
    """A kind of metric: the field that describes it, the reason of a failure, and what its text begins with."""

    field: str
    failure: str
    look: Callable[[Metrics, Scaled, Object], Awaitable[Proposal]]
    about: Callable[[Object], str]


SOURCES = {
    "Object": Source("object", "FailedGetObjectMetric", value_sources.of_object, lambda _: "object metric"),
    "Pods": Source("pods", "FailedGetPodsMetric", use_sources.pods, lambda _: "pods metric"),
    "Resource": Source(
        "resource", "FailedGetResourceMetric", use_sources.resource, lambda source: f"{source['name']} resource metric"
    ),
    "ContainerResource": Source(
        "containerResource",
        "FailedGetContainerResourceMetric",
        use_sources.container_resource,
        lambda source: f"{source['container']} container metric",
    ),
    "External": Source(
        "external",
        "FailedGetExternalMetric",
        value_sources.external,
        lambda source: f"{source['metric']['name']} external metric",
    ),
}


async def measured(metrics: Metrics, scaled: Scaled, metric: Object) -> Proposal | Failed:
    """What one metric of the spec asks for."""
    source = SOURCES.get(metric.get("type") or "")
    if source is None:
        unknown = f'unknown metric source type "{metric.get("type") or ""}"'
        return Failed("InvalidMetricSourceType", unknown, unknown)
    described = metric[source.field]
    try:
        return await source.look(metrics, scaled, described)
    except (MetricsError, CalculationError, SelectorError, BriefError) as error:
        cause = error.cause if isinstance(error, BriefError) else str(error)
        return Failed(source.failure, cause, f"failed to get {source.about(described)} value: {error}")
