"""A pod's conditions from its container statuses. Pure; called by status.py.

Types, reasons and messages: docs "Pod Lifecycle", section Pod conditions. Conditions of others
(DisruptionTarget, readiness gates) are kept as they are.
"""

from datetime import datetime

from sampan.kubelet.podspec import containers, init_containers, is_sidecar
from sampan.kubelet.resize.state import CONDITIONS as OF_RESIZES
from sampan.machinery.meta import Object, format_time

OURS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", *OF_RESIZES)
Finding = tuple[bool, str, str]  # status, reason, message
_TRUE: Finding = (True, "", "")


def conditions(pod: Object, status: Object, has_network: bool, now: datetime) -> list[Object]:
    """The conditions of a pod whose phase and container statuses are in `status`."""
    old = {condition["type"]: condition for condition in (pod.get("status") or {}).get("conditions") or ()}
    ready = _containers_ready(pod, status)
    found = {
        "PodReadyToStartContainers": (has_network, "", ""),
        "Initialized": _initialized(pod, status),
        "Ready": _ready(pod, ready, old),
        "ContainersReady": ready,
        "PodScheduled": _TRUE,  # it is here; one created with its node's name never met the scheduler
    }
    generation = status["observedGeneration"]
    ours = [_condition(type_, finding, old.get(type_), generation, now) for type_, finding in found.items()]
    others = [condition for type_, condition in old.items() if type_ not in OURS]
    return ours + others


def _initialized(pod: Object, status: Object) -> Finding:
    if status["phase"] == "Succeeded":
        return True, "PodCompleted", ""
    if any("running" in s["state"] or s["lastState"] for s in status["containerStatuses"]):
        return _TRUE  # init containers come first, so they are done
    inits = zip(init_containers(pod), status.get("initContainerStatuses") or (), strict=False)
    waiting = [s["name"] for spec, s in inits if not (s["started"] if is_sidecar(spec) else s["ready"])]
    if waiting:
        return False, "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(waiting)}]"
    return _TRUE


def _containers_ready(pod: Object, status: Object) -> Finding:
    phase = status["phase"]
    if phase == "Succeeded":
        return False, "PodCompleted", ""
    if phase == "Failed":
        return False, "PodFailed", ""
    sidecars = [spec["name"] for spec in init_containers(pod) if is_sidecar(spec)]
    wanted = sidecars + [spec["name"] for spec in containers(pod)]
    known = {s["name"]: s for s in (*(status.get("initContainerStatuses") or ()), *status["containerStatuses"])}
    unready = [name for name in wanted if not known[name]["ready"]]
    if unready:
        return False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    return _TRUE


def _ready(pod: Object, containers_ready: Finding, old: dict[str, Object]) -> Finding:
    if not containers_ready[0]:
        return containers_ready
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    missing = [_gate_message(gate, old.get(gate)) for gate in gates if (old.get(gate) or {}).get("status") != "True"]
    return (False, "ReadinessGatesNotReady", ", ".join(missing)) if missing else _TRUE


def _gate_message(gate: str, condition: Object | None) -> str:
    if condition is None:
        return f'corresponding condition of pod readiness gate "{gate}" does not exist.'
    return f'the status of pod readiness gate "{gate}" is not "True", but {condition["status"]}'


def _condition(type_: str, finding: Finding, old: Object | None, generation: int, now: datetime) -> Object:
    holds, reason, message = finding
    status = "True" if holds else "False"
    changed = old is None or old.get("status") != status
    moment = format_time(now) if changed or old is None else old.get("lastTransitionTime")
    return {
        "type": type_,
        "observedGeneration": generation,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": moment,
        **({"reason": reason} if reason else {}),
        **({"message": message} if message else {}),
    }
