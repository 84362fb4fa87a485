"""When the change happened that endpoints are being updated for: the start of network programming latency.

Rule: SIG Scalability, "Network programming latency"; the annotation endpoints.kubernetes.io/last-change-trigger-time.
"""

from collections.abc import Iterable

from sampan.controllers.pods import condition
from sampan.machinery.meta import Key, Object, key_of

_Times = dict[Key, str]  # RFC 3339 in UTC and whole seconds: text order is time order


class TriggerTimes:
    """Remembers per Service what has been exported already."""

    def __init__(self) -> None:
        self._pods: dict[Key, _Times] = {}
        self._services: dict[Key, str] = {}

    def next(self, service: Object, pods: Iterable[Object]) -> str:
        """The earliest time that is newer than what was known of the same pod or Service; "" if nothing is."""
        key = key_of(service)
        before, now = self._pods.get(key, {}), {key_of(pod): _ready_changed(pod) for pod in pods}
        fresh = [time for pod, time in now.items() if time > before.get(pod, "")]
        created = service["metadata"].get("creationTimestamp") or ""
        if created > self._services.get(key, ""):
            fresh.append(created)
        self._pods[key], self._services[key] = now, created
        return min((time for time in fresh if time), default="")

    def forget(self, service: Key) -> None:
        """The Service is gone."""
        self._pods.pop(service, None)
        self._services.pop(service, None)


def _ready_changed(pod: Object) -> str:
    ready = condition(pod, "Ready")
    return str(ready.get("lastTransitionTime") or "") if ready else ""
