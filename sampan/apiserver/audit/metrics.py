"""Metrics of auditing, under upstream's names (k8s.io/apiserver/pkg/audit/metrics.go)."""

import logging
from collections.abc import Sequence
from time import monotonic

from prometheus_client import Counter
from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.audit.event import Event, line
from sampan.apiserver.audit.level import Level

log = logging.getLogger(__name__)

_SHOWN = 10  # lost events that the log shows; there may be thousands
_PAUSE = 1.0  # seconds between two such entries of a plugin: whoever loses events loses many


class AuditMetrics:
    """One for a server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "apiserver_audit_event_total",
            "Counter of audit events generated and sent to the audit backend.",
            registry=registry,
        )
        self._errors = Counter(
            "apiserver_audit_error_total",
            "Counter of audit events that failed to be audited properly.",
            ["plugin"],
            registry=registry,
        )
        self._levels = Counter(
            "apiserver_audit_level_total",
            "Counter of policy levels for audit events (1 per request).",
            ["level"],
            registry=registry,
        )
        self._rejected = Counter(
            "apiserver_audit_requests_rejected_total",
            "Counter of apiserver requests rejected due to an error in audit logging backend.",
            registry=registry,
        )
        self._quiet_until: dict[str, float] = {}
        self._by_level = {level: self._levels.labels(level.label) for level in Level}

    def generated(self) -> None:
        """An event was made."""
        self._events.inc()

    def evaluated(self, level: Level) -> None:
        """The policy has said how closely a request is audited."""
        self._by_level[level].inc()

    def rejected(self) -> None:
        """A request was refused because it could not be audited."""
        self._rejected.inc()

    def lost(self, plugin: str, why: object, events: Sequence[Event]) -> None:
        """Events did not get where they should."""
        self._errors.labels(plugin).inc(len(events))
        if monotonic() < self._quiet_until.get(plugin, 0.0):
            return
        self._quiet_until[plugin] = monotonic() + _PAUSE
        shown = "\n".join(line(event) for event in events[:_SHOWN])
        log.error("Error in audit plugin '%s' affecting %d audit events: %s\n%s", plugin, len(events), why, shown)
