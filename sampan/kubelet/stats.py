"""/stats/summary and /metrics: what the containers use, from CRI's numbers. Called by server.py.

The summary has the form of upstream's kubelet stats/v1alpha1, with the fields that CRI gives.
"""

from collections.abc import Iterable
from typing import Any

from sampan.kubelet.context import KubeletContext
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.runtime import POD_UID
from sampan.machinery.meta import Object, format_time


async def summary(context: KubeletContext, pods: Iterable[Object]) -> Object:
    """The node's and its pods' use of processor and memory; raises CRIError."""
    by_pod: dict[str, list[Any]] = {}
    for entry in await context.cri.container_stats():
        by_pod.setdefault(entry.attributes.labels.get(POD_UID, ""), []).append(entry)
    now = format_time(context.clock.now())
    everything = [entry for entries in by_pod.values() for entry in entries]
    node = {"nodeName": context.config.node_name, "startTime": now, **_usage(everything, now)}
    return {"node": node, "pods": [_pod(pod, by_pod.get(uid_of(pod), []), now) for pod in pods]}


async def metrics_text(context: KubeletContext) -> str:
    """A few gauges in Prometheus's text format; raises CRIError."""
    stats = await context.cri.container_stats()
    running = len({entry.attributes.labels.get(POD_UID) for entry in stats})
    node = context.config.node_name
    lines = [
        "# HELP kubelet_node_name The node's name. The count is always 1.",
        "# TYPE kubelet_node_name gauge",
        f'kubelet_node_name{{node="{node}"}} 1',
        "# HELP kubelet_running_pods Number of pods that have a running container",
        "# TYPE kubelet_running_pods gauge",
        f"kubelet_running_pods {running}",
        "# HELP kubelet_running_containers Number of containers currently running",
        "# TYPE kubelet_running_containers gauge",
        f'kubelet_running_containers{{container_state="running"}} {len(stats)}',
    ]
    return "\n".join(lines) + "\n"


def _pod(pod: Object, entries: list[Any], now: str) -> Object:
    meta = pod["metadata"]
    return {
        "podRef": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
        "startTime": (pod.get("status") or {}).get("startTime") or now,
        "containers": [{"name": entry.attributes.metadata.name, **_usage([entry], now)} for entry in entries],
        **_usage(entries, now),
    }


def _usage(entries: Iterable[Any], now: str) -> Object:
    found = list(entries)
    return {
        "cpu": {"time": now, "usageCoreNanoSeconds": sum(e.cpu.usage_core_nano_seconds.value for e in found)},
        "memory": {
            "time": now,
            "usageBytes": sum(e.memory.usage_bytes.value for e in found),
            "workingSetBytes": sum(e.memory.working_set_bytes.value for e in found),
        },
    }
