"""Metrics of JSON Web Tokens and their configuration, under upstream's names.

k8s.io/apiserver/plugin/pkg/authenticator/token/oidc (metrics.go), pkg/server/options/authenticationconfig/metrics.
Issuers come from the configuration, 64 at most; those that have gone are forgotten.
"""

from hashlib import sha256
from time import time

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.registry import CollectorRegistry

_AUTHENTICATION = "apiserver_authentication"
_CONTROLLER = "apiserver_authentication_config_controller"
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def _hash(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}" if data else ""


class JWTMetrics:
    """Counts in `registry`; `server_id` tells API servers apart."""

    def __init__(self, registry: CollectorRegistry, server_id: str) -> None:
        self._server = _hash(server_id.encode())
        self._latency = Histogram(
            f"{_AUTHENTICATION}_jwt_authenticator_latency_seconds",
            "Latency of jwt authentication operations in seconds, of tokens that were not in the cache.",
            ("result", "jwt_issuer_hash"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._fetches = Gauge(
            f"{_AUTHENTICATION}_jwt_authenticator_jwks_fetch_last_timestamp_seconds",
            "Timestamp of the last successful or failed JWKS fetch, by result, server and issuer.",
            ("result", "jwt_issuer_hash", "apiserver_id_hash"),
            registry=registry,
        )
        self._key_sets = Gauge(
            f"{_AUTHENTICATION}_jwt_authenticator_jwks_fetch_last_key_set_info",
            "Which JWKS was fetched last, by its hash.",
            ("jwt_issuer_hash", "apiserver_id_hash", "hash"),
            registry=registry,
        )
        self._reloads = Counter(
            f"{_CONTROLLER}_automatic_reloads",
            "Automatic reloads of the authentication configuration, by status.",
            ("status", "apiserver_id_hash"),
            registry=registry,
        )
        self._reloaded = Gauge(
            f"{_CONTROLLER}_automatic_reload_last_timestamp_seconds",
            "Timestamp of the last automatic reload of the authentication configuration, by status.",
            ("status", "apiserver_id_hash"),
            registry=registry,
        )
        self._configuration = Gauge(
            f"{_CONTROLLER}_last_config_info",
            "Which authentication configuration was applied last, by its hash.",
            ("apiserver_id_hash", "hash"),
            registry=registry,
        )
        self._sets: dict[str, str] = {}  # hash of an issuer -> that of its keys

    def authenticated(self, issuer: str, result: str, seconds: float) -> None:
        """A token of an issuer was judged: "success" or "failure"."""
        self._latency.labels(result, _hash(issuer.encode())).observe(seconds)

    def fetched(self, issuer: str, document: bytes | None) -> None:
        """Keys were fetched; None where that failed."""
        name = _hash(issuer.encode())
        self._fetches.labels("failure" if document is None else "success", name, self._server).set(time())
        if document is not None:
            self._forget_keys(name)
            self._sets[name] = _hash(document)
            self._key_sets.labels(name, self._server, self._sets[name]).set(1)

    def forget(self, issuer: str) -> None:
        """An issuer is no longer configured."""
        name = _hash(issuer.encode())
        self._forget_keys(name)
        for result in ("success", "failure"):
            self._fetches.remove(result, name, self._server)

    def configured(self, text: bytes) -> None:
        """A configuration is in use."""
        self._configuration.clear()
        self._configuration.labels(self._server, _hash(text)).set(1)

    def reloaded(self, status: str) -> None:
        """A changed file was taken over or not: "success" or "failure"."""
        self._reloads.labels(status, self._server).inc()
        self._reloaded.labels(status, self._server).set(time())

    def _forget_keys(self, name: str) -> None:
        if known := self._sets.pop(name, ""):
            self._key_sets.remove(name, self._server, known)
