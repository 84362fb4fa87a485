"""Metrics of JSON Web Tokens and their configuration, under upstream's names.

k8s.io/apiserver/plugin/pkg/authenticator/token/oidc (metrics.go), pkg/server/options/authenticationconfig/metrics.
Issuers come from the configuration, 64 at most; those that have gone are forgotten.
"""

from time import time

from prometheus_client import Gauge, Histogram
from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.config_reloads import ConfigReloads, hashed

_AUTHENTICATION = "apiserver_authentication"
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class JWTMetrics(ConfigReloads):
    """Counts in `registry`; `server_id` tells API servers apart."""

    def __init__(self, registry: CollectorRegistry, server_id: str) -> None:
        super().__init__(registry, "authentication", server_id)
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
        self._sets: dict[str, str] = {}  # hash of an issuer -> that of its keys

    def authenticated(self, issuer: str, result: str, seconds: float) -> None:
        """A token of an issuer was judged: "success" or "failure"."""
        self._latency.labels(result, hashed(issuer.encode())).observe(seconds)

    def fetched(self, issuer: str, document: bytes | None) -> None:
        """Keys were fetched; None where that failed."""
        name = hashed(issuer.encode())
        self._fetches.labels("failure" if document is None else "success", name, self._server).set(time())
        if document is not None:
            self._forget_keys(name)
            self._sets[name] = hashed(document)
            self._key_sets.labels(name, self._server, self._sets[name]).set(1)

    def forget(self, issuer: str) -> None:
        """An issuer is no longer configured."""
        name = hashed(issuer.encode())
        self._forget_keys(name)
        for result in ("success", "failure"):
            self._fetches.remove(result, name, self._server)

    def _forget_keys(self, name: str) -> None:
        if known := self._sets.pop(name, ""):
            self._key_sets.remove(name, self._server, known)
