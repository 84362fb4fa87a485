"""What containers and the machine use, as families of metrics: the pages resource and cadvisor. Pure.

Names: k8s.io/kubernetes/pkg/kubelet/metrics/collectors (resource_metrics.go); cAdvisor's documentation, "Monitoring
cAdvisor with Prometheus". Labels come from the runtime's containers, so their number is bounded.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from sampan.kubelet.endpoints.usage import ContainerUsage, MachineUsage

_POD = ("pod", "namespace")
_CONTAINER = ("container", *_POD)
_CADVISOR = ("container", "id", "name", "namespace", "pod")
_NANO = 1_000_000_000
_STARTED = "Start time of the container since unix epoch in seconds"


def resource(
    machine: MachineUsage, containers: Sequence[ContainerUsage], started: Mapping[str, float]
) -> Iterator[Metric]:
    """/metrics/resource. `started`: when each container was, by its id."""
    yield CounterMetricFamily(
        "node_cpu_usage_seconds", "Cumulative cpu time consumed by the node in core-seconds", machine.cpu / _NANO
    )
    yield GaugeMetricFamily(
        "node_memory_working_set_bytes", "Current working set of the node in bytes", machine.memory.working_set
    )
    yield from _of_containers(containers, started)
    yield from _of_pods(containers)
    yield GaugeMetricFamily(
        "resource_scrape_error", "1 if there was an error while getting container metrics, 0 otherwise", 0
    )


def _of_containers(containers: Sequence[ContainerUsage], started: Mapping[str, float]) -> Iterable[Metric]:
    cpu = CounterMetricFamily(
        "container_cpu_usage_seconds",
        "Cumulative cpu time consumed by the container in core-seconds",
        labels=_CONTAINER,
    )
    memory = GaugeMetricFamily(
        "container_memory_working_set_bytes", "Current working set of the container in bytes", labels=_CONTAINER
    )
    start = GaugeMetricFamily("container_start_time_seconds", _STARTED, labels=_CONTAINER)
    for one in containers:
        labels, at = (one.name, one.pod, one.namespace), one.at / _NANO
        cpu.add_metric(labels, one.cpu / _NANO, timestamp=at)
        memory.add_metric(labels, one.memory.working_set, timestamp=at)
        if one.id in started:
            start.add_metric(labels, started[one.id])
    return cpu, memory, start


def _of_pods(containers: Sequence[ContainerUsage]) -> Iterable[Metric]:
    pods: dict[tuple[str, str], list[ContainerUsage]] = {}
    for one in containers:
        pods.setdefault((one.pod, one.namespace), []).append(one)
    cpu = CounterMetricFamily(
        "pod_cpu_usage_seconds", "Cumulative cpu time consumed by the pod in core-seconds", labels=_POD
    )
    memory = GaugeMetricFamily("pod_memory_working_set_bytes", "Current working set of the pod in bytes", labels=_POD)
    for labels, found in pods.items():
        at = max(one.at for one in found) / _NANO
        cpu.add_metric(labels, sum(one.cpu for one in found) / _NANO, timestamp=at)
        memory.add_metric(labels, sum(one.memory.working_set for one in found), timestamp=at)
    return cpu, memory


# name, help, value
_GAUGES: Sequence[tuple[str, str, Callable[[ContainerUsage], float]]] = (
    ("container_memory_usage_bytes", "Current memory usage in bytes.", lambda one: one.memory.usage),
    ("container_memory_working_set_bytes", "Current working set in bytes.", lambda one: one.memory.working_set),
    ("container_memory_rss", "Size of RSS in bytes.", lambda one: one.memory.rss),
    ("container_fs_usage_bytes", "Number of bytes that are consumed by the container.", lambda one: one.layer_bytes),
    ("container_last_seen", "Last time a container was seen by the exporter", lambda one: one.at // _NANO),
)


def cadvisor(
    machine: MachineUsage, containers: Sequence[ContainerUsage], started: Mapping[str, float]
) -> Iterator[Metric]:
    """/metrics/cadvisor, as far as the numbers are known."""
    cpu = CounterMetricFamily(
        "container_cpu_usage_seconds", "Cumulative cpu time consumed in seconds.", labels=(*_CADVISOR, "cpu")
    )
    start = GaugeMetricFamily("container_start_time_seconds", _STARTED, labels=_CADVISOR)
    for one in containers:
        cpu.add_metric((*_labels(one), "total"), one.cpu / _NANO, timestamp=one.at / _NANO)
        if one.id in started:
            start.add_metric(_labels(one), started[one.id])
    yield from (cpu, start)
    for name, text, value in _GAUGES:
        family = GaugeMetricFamily(name, text, labels=_CADVISOR)
        for one in containers:
            family.add_metric(_labels(one), value(one), timestamp=one.at / _NANO)
        yield family
    yield GaugeMetricFamily("machine_cpu_cores", "Number of logical CPU cores.", machine.cpus)
    yield GaugeMetricFamily(
        "machine_memory_bytes", "Amount of memory installed on the machine.", machine.memory_capacity
    )


def _labels(one: ContainerUsage) -> tuple[str, ...]:
    return one.name, one.id, one.id, one.namespace, one.pod
