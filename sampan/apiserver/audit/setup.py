"""An auditor of the flags. Called by server.py, where there are any."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.audit.auditor import Auditor
from sampan.apiserver.audit.metrics import AuditMetrics
from sampan.apiserver.audit.options import AuditOptions
from sampan.apiserver.audit.policy_file import read


def auditor_of(options: AuditOptions, registry: CollectorRegistry, now: Callable[[], datetime]) -> Auditor | None:
    """None where nothing is to be told, or nobody is to be told of it. Raises PolicyFileError, OptionsError."""
    if not options.policy_file:
        return None
    policy, metrics = read(Path(options.policy_file)), AuditMetrics(registry)
    backend = options.backend(metrics)
    return Auditor(policy, backend, metrics, now) if backend else None
