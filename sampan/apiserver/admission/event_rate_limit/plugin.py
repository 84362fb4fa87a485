"""The plugin: what an Event counts against. Called by the admission chain."""

from collections.abc import Iterable

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.event_rate_limit.limits import Enforcer, Limit, Type, refusals
from sampan.apiserver.services import Services
from sampan.machinery.aggregate import aggregated
from sampan.machinery.errors import TooManyRequests
from sampan.machinery.meta import Object

EVENTS = frozenset({("", "events"), ("events.k8s.io", "events")})
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion")


class EventRateLimit:
    """See the package."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._enforcers = [Enforcer(limit) for limit in limits]

    def validate(self, services: Services, admission: Admission) -> None:
        """Raises TooManyRequests for an Event beyond a limit; what is only tried counts nothing."""
        if admission.dry_run:
            return
        if found := aggregated(refusals(self._enforcers, keys(admission), services.now())):
            raise TooManyRequests(found)


def keys(admission: Admission) -> dict[Type, str]:
    """What an Event is counted by, for each type of limit."""
    event, info = admission.new, admission.call.info
    return {
        "Server": "",
        "Namespace": info.namespace,
        "User": admission.call.user.name,
        "SourceAndObject": _source_and_object(event),
    }


def _source_and_object(event: Object) -> str:
    source, involved = event.get("source") or {}, event.get("involvedObject") or {}
    return "".join([*(source.get(f) or "" for f in ("component", "host")), *(involved.get(f) or "" for f in _INVOLVED)])
