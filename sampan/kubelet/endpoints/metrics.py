"""/metrics and the pages below it: what is scraped, rendered when it is asked for.

Names: k8s.io/kubernetes/pkg/kubelet/metrics. scraped.py has the pages of numbers, probe_metrics.py what probes found.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from sampan.kubelet.context import KubeletContext
from sampan.kubelet.endpoints import scraped
from sampan.kubelet.endpoints.answers import NOT_FOUND, HTTPError
from sampan.kubelet.endpoints.finding import Pods
from sampan.kubelet.endpoints.usage import ContainerUsage, container_usage, read_usage, started_at
from sampan.kubelet.podspec import uid_of
from sampan.machinery.meta import parse_time
from sampan.transport.messages import Reply, Request, Response

_PAGES = {"resource": scraped.resource, "cadvisor": scraped.cadvisor}


class Metrics:
    """The endpoints of one kubelet. `registry` has what it counts itself."""

    def __init__(self, context: KubeletContext, pods: Pods, registry: CollectorRegistry) -> None:
        self._context, self._pods, self._registry = context, pods, registry

    async def serve(self, request: Request, rest: Sequence[str]) -> Reply:
        """/metrics[/page]; raises HTTPError, CRIError."""
        page = "/".join(part for part in rest if part)
        if page == "probes":
            return _page([self._context.probe_metrics])
        if not page:
            running = await container_usage(self._context.cri)
            return _page([_Families(_own(self._context.config.node_name, running)), self._registry])
        if page not in _PAGES:
            raise HTTPError(404, NOT_FOUND)
        machine, containers = await read_usage(self._context.config, self._context.cri)
        return _page([_Families(_PAGES[page](machine, containers, self._started(containers)))])

    def _started(self, containers: Iterable[ContainerUsage]) -> Mapping[str, float]:
        pods = {uid_of(pod): pod for pod in self._pods()}
        times = ((one.id, started_at(pods[one.uid], one.name)) for one in containers if one.uid in pods)
        return {identity: parse_time(time).timestamp() for identity, time in times if time}


def _own(node: str, running: Sequence[ContainerUsage]) -> Iterator[Metric]:
    name = GaugeMetricFamily("kubelet_node_name", "The node's name. The count is always 1.", labels=["node"])
    name.add_metric([node], 1)
    yield name
    pods = len({one.uid for one in running})
    yield GaugeMetricFamily("kubelet_running_pods", "Number of pods that have a running container", pods)
    states = GaugeMetricFamily(
        "kubelet_running_containers", "Number of containers currently running", labels=["container_state"]
    )
    states.add_metric(["running"], len(running))
    yield states


class _Families(Collector):
    """Families that are there already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _page(collectors: Iterable[Collector]) -> Response:
    body = b"".join(generate_latest(collector) for collector in collectors)
    return Response(200, body, CONTENT_TYPE_LATEST)
