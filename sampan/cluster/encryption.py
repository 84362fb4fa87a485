"""Encryption at rest as `sampan up` was told: the file of --encryption-provider-config.

Called when a cluster is settled, to refuse what can't be, and when its store is opened.
"""

from pathlib import Path

from prometheus_client.registry import CollectorRegistry

from sampan.cluster.config import ClusterConfig
from sampan.storage.clock import Clock
from sampan.storage.encryption import providers
from sampan.storage.encryption.config_file import ConfigFileError
from sampan.storage.encryption.encryption import Encryption
from sampan.storage.encryption.metrics import EncryptionMetrics
from sampan.storage.encryption.transformer import IDENTITY

_FLAG = "--encryption-provider-config"


class EncryptionError(Exception):
    """The flags or the file ask for what can't be; the message says which and why."""


def check(config: ClusterConfig) -> None:
    """Raises EncryptionError. No plugin is asked yet."""
    file, reload = config.encryption_provider_config, config.encryption_provider_config_automatic_reload
    if not file:
        raise EncryptionError(f"{_FLAG}-automatic-reload must be set with {_FLAG}")
    try:
        loaded = providers.load(Path(file), reload=reload)
        providers.overrides(loaded.configuration, lambda _: IDENTITY)
    except ConfigFileError as error:
        raise EncryptionError(f"{_FLAG}: {error}") from error


async def encryption_of(config: ClusterConfig, clock: Clock, registry: CollectorRegistry) -> Encryption | None:
    """Encryption as configured; None where all is plain. Raises ConfigFileError."""
    if not config.encryption_provider_config:
        return None
    return await Encryption.start(
        Path(config.encryption_provider_config),
        reload=config.encryption_provider_config_automatic_reload,
        clock=clock,
        metrics=EncryptionMetrics(registry, config.name),
    )
