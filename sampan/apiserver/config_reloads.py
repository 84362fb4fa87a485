"""Metrics of a configuration file that is followed: how often it was taken, and which is in use.

Upstream has the same for each: k8s.io/apiserver/pkg/server/options/authenticationconfig/metrics and
authorizationconfig/metrics. Called by authentication/ and authorization/.
"""

from hashlib import sha256
from time import time

from prometheus_client import Counter, Gauge
from prometheus_client.registry import CollectorRegistry


def hashed(data: bytes) -> str:
    """As upstream tells servers, issuers and configurations apart in metrics."""
    return f"sha256:{sha256(data).hexdigest()}" if data else ""


class ConfigReloads:
    """Counts in `registry`; `what` is authentication or authorization, `server_id` tells API servers apart."""

    def __init__(self, registry: CollectorRegistry, what: str, server_id: str) -> None:
        self._server, controller = hashed(server_id.encode()), f"apiserver_{what}_config_controller"
        labels = ("status", "apiserver_id_hash")
        self._reloads = Counter(
            f"{controller}_automatic_reloads",
            f"Automatic reloads of the {what} configuration, by status.",
            labels,
            registry=registry,
        )
        self._reloaded = Gauge(
            f"{controller}_automatic_reload_last_timestamp_seconds",
            f"Timestamp of the last automatic reload of the {what} configuration, by status.",
            labels,
            registry=registry,
        )
        self._configuration = Gauge(
            f"{controller}_last_config_info",
            f"Which {what} configuration was applied last, by its hash.",
            ("apiserver_id_hash", "hash"),
            registry=registry,
        )

    def configured(self, text: bytes) -> None:
        """A configuration is in use."""
        self._configuration.clear()
        self._configuration.labels(self._server, hashed(text)).set(1)

    def reloaded(self, status: str) -> None:
        """A changed file was taken over or not: "success" or "failure"."""
        self._reloads.labels(status, self._server).inc()
        self._reloaded.labels(status, self._server).set(time())
