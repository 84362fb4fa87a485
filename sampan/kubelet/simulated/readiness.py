"""What the probes of a simulated container say: they succeed as soon as they are asked, unless a script says otherwise.

Pure; called by motion.py. Liveness never fails: a script that wants a restart lets the container crash.
"""

from datetime import datetime

from sampan.kubelet.records import Container, PodRuntime
from sampan.kubelet.simulated.script import Script
from sampan.kubelet.verdicts import Verdict
from sampan.machinery.meta import Object, later


def known_ready(pod: Object, runtime: PodRuntime) -> dict[str, datetime]:
    """What is ready already, by the pod's status, stays so, however long a script would have it take."""
    status = pod.get("status") or {}
    known = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    ready = {entry.get("containerID") for entry in known if entry.get("ready")}
    running = (one for one in runtime.running() if f"containerd://{one.id}" in ready)
    return {f"ready {one.id}": one.started for one in running if one.started is not None}


def verdict_of(
    spec: Object, one: Container, script: Script, ready: datetime | None, now: datetime
) -> tuple[Verdict, datetime | None]:
    """The probes' verdict on a running container, and when it changes next. `ready`: when a script has it ready."""
    began = one.started or now
    started = _first_success(spec.get("startupProbe"), began)
    if now < started:
        return Verdict(), started
    if script.never_ready or not spec.get("readinessProbe"):
        return Verdict(started=True, ready=not script.never_ready), None
    moment = ready if ready is not None else max(started, _first_success(spec["readinessProbe"], began))
    return Verdict(started=True, ready=now >= moment), moment if now < moment else None


def _first_success(probe: Object | None, began: datetime) -> datetime:
    """When a probe has succeeded so often as it has to, every time from the first."""
    if not probe:
        return began
    again = max(int(probe.get("successThreshold") or 1) - 1, 0) * max(int(probe.get("periodSeconds") or 10), 1)
    return later(began, max(int(probe.get("initialDelaySeconds") or 0), 0) + again)
