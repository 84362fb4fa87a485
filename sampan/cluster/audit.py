"""Auditing as `sampan up` was told by the flags --audit-*.

Called when a cluster is settled, to refuse what can't be, and when its API server is made.
"""

from collections.abc import Mapping
from pathlib import Path

from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.audit.backends.buffered import Batching
from sampan.apiserver.audit.backends.rotation import Keep
from sampan.apiserver.audit.backends.truncated import Limits
from sampan.apiserver.audit.metrics import AuditMetrics
from sampan.apiserver.audit.options import AuditOptions, Delivery, OptionsError
from sampan.apiserver.audit.policy_file import PolicyFileError, read
from sampan.cluster.config import ClusterConfig
from sampan.machinery.durations import parse_duration

_DEFAULT = AuditOptions()


class AuditError(Exception):
    """The flags or a file of theirs ask for what can't be; the message says which and why."""


def audit_of(config: ClusterConfig) -> AuditOptions:
    """What the API server is told about auditing. Raises AuditError."""
    said = _Said(config.audit)
    return AuditOptions(
        policy_file=said.text("audit_policy_file", ""),
        log_path=said.text("audit_log_path", ""),
        log_format=said.text("audit_log_format", _DEFAULT.log_format),
        log_keep=Keep(
            said.number("audit_log_maxage", _DEFAULT.log_keep.max_age),
            said.number("audit_log_maxbackup", _DEFAULT.log_keep.max_backups),
            said.number("audit_log_maxsize", _DEFAULT.log_keep.max_size),
            said.truth("audit_log_compress", _DEFAULT.log_keep.compress),
        ),
        log=_delivery(said, "audit_log", _DEFAULT.log),
        webhook_config_file=said.text("audit_webhook_config_file", ""),
        webhook_backoff=said.seconds("audit_webhook_initial_backoff", _DEFAULT.webhook_backoff),
        webhook=_delivery(said, "audit_webhook", _DEFAULT.webhook),
    )


def check(config: ClusterConfig) -> None:
    """Raises AuditError. Nothing is opened yet."""
    options = audit_of(config)
    if wrong := "; ".join(options.errors()):
        raise AuditError(wrong)
    try:
        if options.policy_file:
            read(Path(options.policy_file))
        options.backend(AuditMetrics(CollectorRegistry()))
    except (PolicyFileError, OptionsError) as error:
        raise AuditError(str(error)) from error


class _Said:
    """The texts of flags as what they mean."""

    def __init__(self, flags: Mapping[str, str]) -> None:
        self._flags = flags

    def text(self, field: str, default: str) -> str:
        return self._flags.get(field, default)

    def number(self, field: str, default: int) -> int:
        return int(self._flags[field]) if field in self._flags else default

    def rate(self, field: str, default: float) -> float:
        return float(self._flags[field]) if field in self._flags else default

    def truth(self, field: str, default: bool) -> bool:
        return self._flags[field] == "true" if field in self._flags else default

    def seconds(self, field: str, default: float) -> float:
        return parse_duration(self._flags[field]) if field in self._flags else default


def _delivery(said: _Said, of: str, default: Delivery) -> Delivery:
    batching, limits = default.batching, default.limits
    return Delivery(
        mode=said.text(f"{of}_mode", default.mode),
        version=said.text(f"{of}_version", default.version),
        batching=Batching(
            said.number(f"{of}_batch_buffer_size", batching.buffer_size),
            said.number(f"{of}_batch_max_size", batching.max_size),
            said.seconds(f"{of}_batch_max_wait", batching.max_wait),
            said.truth(f"{of}_batch_throttle_enable", batching.throttle),
            said.rate(f"{of}_batch_throttle_qps", batching.qps),
            said.number(f"{of}_batch_throttle_burst", batching.burst),
            batching.concurrent,
        ),
        truncate=said.truth(f"{of}_truncate_enabled", default.truncate),
        limits=Limits(
            said.number(f"{of}_truncate_max_event_size", limits.event),
            said.number(f"{of}_truncate_max_batch_size", limits.batch),
        ),
    )
