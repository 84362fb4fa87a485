"""What `get pods` prints: READY, STATUS and RESTARTS condensed from a pod's status.

The rules are those of printPod in upstream's printers; Completed, Init:0/1, CrashLoopBackOff and the like are not
phases but words made here. Called by kinds/core/pod.py.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sampan.kinds.columns import AGE, NAME, NONE, since
from sampan.machinery.kind import Column
from sampan.machinery.meta import Object, is_deleting
from sampan.machinery.tree import get_path


class Restarts(NamedTuple):
    """How often containers restarted, and when the last of them ended (RFC 3339, or "")."""

    times: int = 0
    last: str = ""

    def plus(self, status: Object) -> "Restarts":
        """With one more container's restarts."""
        finished = get_path(status, ("lastState", "terminated", "finishedAt"), "")
        return Restarts(self.times + status.get("restartCount", 0), max(self.last, finished))


class Summary(NamedTuple):
    """A pod in three words."""

    ready: int
    reason: str
    restarts: Restarts


def summarise(pod: Object) -> Summary:
    """The ready containers, the status word and the restarts."""
    init = _summarise_init(pod)
    if init.reason and not _condition_true(pod, "Initialized"):
        return Summary(init.ready, _override(pod, init.reason), init.all_restarts)
    main = _summarise_main(pod, init.reason or _base_reason(pod))
    restarts = init.sidecar_restarts
    for status in get_path(pod, ("status", "containerStatuses"), []):
        restarts = restarts.plus(status)
    return Summary(init.ready + main.ready, _override(pod, main.reason), restarts)


class _Init(NamedTuple):
    ready: int  # sidecars that are ready
    reason: str  # "" when no init container holds the pod up
    all_restarts: Restarts
    sidecar_restarts: Restarts


def is_sidecar(container: Object | None) -> bool:
    """An init container that keeps running: restartPolicy Always (KEP-753)."""
    return bool(container) and get_path(container or {}, ("restartPolicy",)) == "Always"


def _base_reason(pod: Object) -> str:
    reason = get_path(pod, ("status", "reason"), "") or get_path(pod, ("status", "phase"), "")
    for condition in get_path(pod, ("status", "conditions"), []):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    return str(reason)


def _summarise_init(pod: Object) -> _Init:
    specs = {c["name"]: c for c in get_path(pod, ("spec", "initContainers"), [])}
    ready, restarts, sidecar_restarts = 0, Restarts(), Restarts()
    for index, status in enumerate(get_path(pod, ("status", "initContainerStatuses"), [])):
        sidecar = is_sidecar(specs.get(status["name"]))
        restarts = restarts.plus(status)
        if sidecar:
            sidecar_restarts = sidecar_restarts.plus(status)
        if get_path(status, ("state", "terminated")) is not None and not get_path(
            status, ("state", "terminated", "exitCode")
        ):
            continue
        if sidecar and status.get("started"):
            ready += bool(status.get("ready"))
            continue
        return _Init(ready, _init_reason(status, index, len(specs)), restarts, sidecar_restarts)
    return _Init(ready, "", restarts, sidecar_restarts)


def _init_reason(status: Object, index: int, total: int) -> str:
    terminated, waiting = (
        get_path(status, ("state", "terminated")),
        get_path(status, ("state", "waiting", "reason"), ""),
    )
    if terminated is not None:
        return "Init:" + _exit_reason(terminated)
    if waiting and waiting != "PodInitializing":
        return f"Init:{waiting}"
    return f"Init:{index}/{total}"


def _exit_reason(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


class _Main(NamedTuple):
    ready: int
    reason: str


def _summarise_main(pod: Object, reason: str) -> _Main:
    ready = 0
    for status in reversed(get_path(pod, ("status", "containerStatuses"), [])):
        state = status.get("state") or {}
        if get_path(state, ("waiting", "reason")):
            reason = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            reason = _exit_reason(state["terminated"])
        elif status.get("ready") and state.get("running") is not None:
            ready += 1
    if reason == "Completed" and ready:
        reason = "Running" if _condition_true(pod, "Ready") else "NotReady"
    return _Main(ready, reason)


def _override(pod: Object, reason: str) -> str:
    """Deletion outshines what the containers do."""
    if not is_deleting(pod):
        return reason
    if get_path(pod, ("status", "reason")) == "NodeLost":
        return "Unknown"
    return reason if get_path(pod, ("status", "phase")) in ("Succeeded", "Failed") else "Terminating"


def _condition_true(pod: Object, kind: str) -> bool:
    conditions: Iterable[Object] = get_path(pod, ("status", "conditions"), [])
    return any(c.get("type") == kind and c.get("status") == "True" for c in conditions)


def _ready(pod: Object, now: datetime) -> str:
    total = len(pod["spec"].get("containers") or ())
    total += sum(is_sidecar(c) for c in pod["spec"].get("initContainers") or ())
    return f"{summarise(pod).ready}/{total}"


def _status(pod: Object, now: datetime) -> str:
    return summarise(pod).reason


def _restarts(pod: Object, now: datetime) -> str:
    times, last = summarise(pod).restarts
    return f"{times} ({since(last, now)} ago)" if times and last else str(times)


def _ip(pod: Object, now: datetime) -> str:
    ips = get_path(pod, ("status", "podIPs"), [])
    return ips[0]["ip"] if ips else get_path(pod, ("status", "podIP"), "") or NONE


def _node(pod: Object, now: datetime) -> str:
    return pod["spec"].get("nodeName") or NONE


def _nominated_node(pod: Object, now: datetime) -> str:
    return get_path(pod, ("status", "nominatedNodeName"), "") or NONE


def _readiness_gates(pod: Object, now: datetime) -> str:
    gates = pod["spec"].get("readinessGates") or []
    true = sum(_condition_true(pod, gate["conditionType"]) for gate in gates)
    return f"{true}/{len(gates)}" if gates else NONE


COLUMNS = (
    NAME,
    Column("Ready", _ready, description="Ready containers out of all."),
    Column("Status", _status, description="What the containers of the pod do, in one word."),
    Column("Restarts", _restarts, description="How often containers restarted, and when the last one did."),
    AGE,
    Column("IP", _ip, priority=1, description="Address of the pod."),
    Column("Node", _node, priority=1, description="Node that the pod is bound to."),
    Column("Nominated Node", _nominated_node, priority=1, description="Node on which room is being made for the pod."),
    Column("Readiness Gates", _readiness_gates, priority=1, description="True readiness gates out of all."),
)
