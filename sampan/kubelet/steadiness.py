"""When it is told that containers run to whose main process somebody is going to be attached (`kubectl run -i`). Pure.

A command that is over at once has no time for that: its output would be lost, in part or whole, depending on when the
client gets there. kubectl shows the log of what it finds ended, so such a container is told of a moment later than
others: as running if it still is then, and else as ended, at once. Upstream looks at containers once in a second, with
the same effect. Called by worker.py.
"""

from datetime import datetime, timedelta

from sampan.kubelet.podspec import containers
from sampan.kubelet.records import PodRuntime, State
from sampan.machinery.meta import Object

STEADY = timedelta(seconds=0.2)


def steady_at(pod: Object, runtime: PodRuntime, now: datetime) -> datetime | None:
    """The moment before which nothing is told; None where there is no reason to wait."""
    awaited = {spec["name"] for spec in containers(pod) if spec.get("stdinOnce")}
    latest = (runtime.latest(name) for name in awaited)
    started = [one.started for one in latest if one and one.state is State.RUNNING and one.started]
    moment = max(started, default=now - STEADY) + STEADY
    return moment if moment > now else None
