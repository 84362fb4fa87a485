"""The flags of auditing, and the backend that they make.

Names, defaults, rules and texts: k8s.io/apiserver/pkg/server/options/audit.go. Called by cluster/, to refuse what can't
be, and by server.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sampan.apiserver.audit.backends.backend import Backend, IgnoreErrors, Union
from sampan.apiserver.audit.backends.buffered import Batching, Buffered
from sampan.apiserver.audit.backends.log_file import LogFile
from sampan.apiserver.audit.backends.rotation import Keep, RotatedFile, StandardOutput
from sampan.apiserver.audit.backends.truncated import Limits, Truncated
from sampan.apiserver.audit.backends.webhook import Webhook
from sampan.apiserver.audit.metrics import AuditMetrics
from sampan.client.kubeconfig import KubeconfigError, load

_MODES = ("batch", "blocking", "blocking-strict")
_FORMATS = ("legacy", "json")
_VERSION = "audit.k8s.io/v1"
_BATCHING, _LIMITS, _KEEP = Batching(), Limits(), Keep()
_LOG_BATCHING = Batching(max_size=1, throttle=False, concurrent=False)


class OptionsError(ValueError):
    """The flags ask for what can't be; str() says why, in upstream's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a backend is given its events."""

    mode: str = "batch"
    batching: Batching = _BATCHING
    truncate: bool = False
    limits: Limits = _LIMITS
    version: str = _VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """Without a policy file nothing is audited; without a path and a webhook nothing is written."""

    policy_file: str = ""
    log_path: str = ""
    log_format: str = "json"
    log_keep: Keep = _KEEP
    log: Delivery = field(default_factory=lambda: Delivery(mode="blocking", batching=_LOG_BATCHING))
    webhook_config_file: str = ""
    webhook_backoff: float = 10.0
    webhook: Delivery = Delivery()

    def errors(self) -> Iterator[str]:
        """What is wrong with the flags."""
        if self.log_path:
            yield from _delivery_errors("log", self.log)
            if self.log_format not in _FORMATS:
                yield f'invalid audit log format {self.log_format}, allowed formats are "{",".join(_FORMATS)}"'
            keep = self.log_keep
            for name, value in (
                ("maxage", keep.max_age),
                ("maxbackup", keep.max_backups),
                ("maxsize", keep.max_size),
            ):
                if value < 0:
                    yield f"--audit-log-{name} {value} can't be a negative number"
        if self.webhook_config_file:
            yield from _delivery_errors("webhook", self.webhook)

    def backend(self, metrics: AuditMetrics) -> Backend | None:
        """Where events go; None where nowhere. Raises OptionsError."""
        backends: list[Backend] = []
        if self.log_path:
            output = StandardOutput() if self.log_path == "-" else RotatedFile(Path(self.log_path), self.log_keep)
            log = _delivered(LogFile(output, self.log_format, metrics), self.log, metrics)
            backends.append(_truncated(log, self.log, metrics))
        if self.webhook_config_file:
            webhook = _delivered(self._webhook(metrics), self.webhook, metrics)
            backends.append(_truncated(webhook, self.webhook, metrics))
        return Union(backends) if backends else None

    def _webhook(self, metrics: AuditMetrics) -> Backend:
        path = Path(self.webhook_config_file)
        try:
            if not path.exists():
                raise KubeconfigError(f"stat {path}: no such file or directory")
            return Webhook(load([path]), self.webhook_backoff, metrics)
        except KubeconfigError as error:
            raise OptionsError(f"initializing audit webhook: {error}") from error


def _delivered(backend: Backend, delivery: Delivery, metrics: AuditMetrics) -> Backend:
    if delivery.mode == "blocking-strict":
        return backend
    return IgnoreErrors(backend) if delivery.mode == "blocking" else Buffered(backend, delivery.batching, metrics)


def _truncated(backend: Backend, delivery: Delivery, metrics: AuditMetrics) -> Backend:
    return Truncated(backend, delivery.limits, metrics) if delivery.truncate else backend


def _delivery_errors(name: str, delivery: Delivery) -> Iterator[str]:
    if delivery.mode not in _MODES:
        yield f'invalid audit {name} mode {delivery.mode}, allowed modes are "{",".join(_MODES)}"'
    elif delivery.mode == "batch" and (wrong := _batching_error(name, delivery.batching)):
        yield wrong
    event, batch = delivery.limits
    if event <= 0:
        yield f"invalid audit truncate {name} max event size {event}, must be a positive number"
    elif batch < event:
        yield f"invalid audit truncate {name} max batch size {batch}, must be greater than max event size ({event})"
    if delivery.version != _VERSION:
        yield f'invalid group version, allowed versions are ["{_VERSION}"]'


def _batching_error(name: str, batching: Batching) -> str:
    named = {"buffer size": batching.buffer_size, "max batch size": batching.max_size}
    if batching.throttle:
        named |= {"throttle QPS": batching.qps, "throttle burst": batching.burst}  # type: ignore[dict-item]
    for what, value in named.items():
        if value <= 0:
            return f"invalid audit batch {name} {what} {value}, must be a positive number"
    return ""
