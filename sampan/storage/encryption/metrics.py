"""Metrics of encryption at rest, under upstream's names.

k8s.io/apiserver/pkg/storage/value/metrics.go, encrypt/envelope/metrics, server/options/encryptionconfig/metrics. Used
from several threads, as prometheus_client allows.
"""

from collections import OrderedDict
from hashlib import sha256

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.registry import CollectorRegistry

_KEYS = 100  # key ids that are told apart; the labels of older ones are dropped


def _buckets(first: float, count: int) -> list[float]:
    return [first * 2**power for power in range(count)]


def _hash(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}" if text else ""


def _resource(place: bytes) -> str:
    """`deployments.apps` of /apps/deployments/default/web."""
    _, group, resource, *_ = (*place.decode().split("/", 3), "", "")
    return resource if group == "core" else f"{resource}.{group}"


class EncryptionMetrics:
    """`server_id` tells API servers apart."""

    def __init__(self, registry: CollectorRegistry, server_id: str) -> None:
        self._server = _hash(server_id)
        self._seconds = Histogram(
            "apiserver_storage_transformation_duration_seconds",
            "Latencies in seconds of value transformation operations.",
            ["transformation_type", "transformer_prefix"],
            buckets=_buckets(5e-6, 25),
            registry=registry,
        )
        self._operations = Counter(
            "apiserver_storage_transformation_operations_total",
            "Transformations by resource, direction, prefix and outcome.",
            ["resource", "transformation_type", "transformer_prefix", "status"],
            registry=registry,
        )
        self._missed = Counter(
            "apiserver_storage_envelope_transformation_cache_misses_total",
            "Keys that a KMS plugin had to be asked for.",
            registry=registry,
        )
        self._calls = Histogram(
            "apiserver_envelope_encryption_kms_operations_latency_seconds",
            "KMS operation duration with gRPC error code status total.",
            ["provider_name", "method_name", "grpc_status_code"],
            buckets=_buckets(1e-4, 20),
            registry=registry,
        )
        key = ["transformation_type", "provider_name", "key_id_hash", "apiserver_id_hash"]
        self._key_total = Counter(
            "apiserver_envelope_encryption_key_id_hash_total", "How often a key was used.", key, registry=registry
        )
        self._key_last = Gauge(
            "apiserver_envelope_encryption_key_id_hash_last_timestamp_seconds",
            "The last time in seconds when a keyID was used.",
            key,
            registry=registry,
        )
        self._key_told = Gauge(
            "apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds",
            "The last time in seconds when a keyID was returned by the Status RPC call.",
            key[1:],
            registry=registry,
        )
        self._key_invalid = Counter(
            "apiserver_envelope_encryption_invalid_key_id_from_status_total",
            "Number of times an invalid keyID is returned by the Status RPC call split by error.",
            ["provider_name", "error"],
            registry=registry,
        )
        self._key_cache = Gauge(
            "apiserver_envelope_encryption_dek_source_cache_size",
            "Number of records in data encryption key (DEK) source cache.",
            ["provider_name"],
            registry=registry,
        )
        self._reloads = Counter(
            "apiserver_encryption_config_controller_automatic_reloads_total",
            "Total number of reload successes and failures of encryption configuration split by apiserver identity.",
            ["status", "apiserver_id_hash"],
            registry=registry,
        )
        self._reload_last = Gauge(
            "apiserver_encryption_config_controller_automatic_reload_last_timestamp_seconds",
            "Timestamp of the last successful or failed automatic reload of encryption configuration.",
            ["status", "apiserver_id_hash"],
            registry=registry,
        )
        self._config = Gauge(
            "apiserver_encryption_config_controller_last_config_info",
            "Information about the last applied encryption configuration with hash as label.",
            ["apiserver_id_hash", "hash"],
            registry=registry,
        )
        self._used: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()

    def transformed(self, direction: str, place: bytes, prefix: str, status: str, seconds: float) -> None:
        """One value; `direction` is from_storage or to_storage, `status` OK or what went wrong."""
        self._operations.labels(_resource(place), direction, prefix, status).inc()
        if status == "OK":
            self._seconds.labels(direction, prefix).observe(seconds)

    def called(self, provider: str, method: str, code: str, seconds: float) -> None:
        """A call of a KMS plugin."""
        self._calls.labels(provider, method, code).observe(seconds)

    def missed(self) -> None:
        """A key that only the plugin could decrypt."""
        self._missed.inc()

    def remembered(self, provider: str, count: int) -> None:
        """How many decrypted keys are remembered."""
        self._key_cache.labels(provider).set(count)

    def used_key(self, direction: str, provider: str, key_id: str) -> None:
        """A value was encrypted or decrypted by a plugin's key."""
        labels = (direction, provider, _hash(key_id))
        self._used[labels] = None
        self._used.move_to_end(labels)
        if len(self._used) > _KEYS:
            old, _ = self._used.popitem(last=False)
            self._key_total.remove(*old, self._server)
            self._key_last.remove(*old, self._server)
        self._key_total.labels(*labels, self._server).inc()
        self._key_last.labels(*labels, self._server).set_to_current_time()

    def told_key(self, provider: str, key_id: str) -> None:
        """The plugin's key, by its Status."""
        labels = (provider, _hash(key_id))
        self._told[labels] = None
        self._told.move_to_end(labels)
        if len(self._told) > _KEYS:
            old, _ = self._told.popitem(last=False)
            self._key_told.remove(*old, self._server)
        self._key_told.labels(*labels, self._server).set_to_current_time()

    def invalid_key(self, provider: str, why: str) -> None:
        """The plugin's key id can't be one."""
        self._key_invalid.labels(provider, why).inc()

    def loaded(self, config_hash: str) -> None:
        """This configuration is in use."""
        self._config.clear()
        self._config.labels(self._server, config_hash).set(1)

    def reloaded(self, status: str) -> None:
        """The file had changed; "success" or "failure"."""
        self._reloads.labels(status, self._server).inc()
        self._reload_last.labels(status, self._server).set_to_current_time()
