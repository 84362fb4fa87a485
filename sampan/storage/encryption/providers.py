"""From an EncryptionConfiguration to transformers by resource, and the KMS plugins that they ask.

Rules and texts: k8s.io/apiserver/pkg/server/options/encryptionconfig/config.go. Called by encryption.py, and where a
cluster is settled, to refuse what can't be.
"""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sampan.machinery.aggregate import aggregated
from sampan.storage.encryption import config_file, validation
from sampan.storage.encryption.aes import CBC, GCM
from sampan.storage.encryption.config_file import KMS, ConfigFileError, Configuration, Key, Provider
from sampan.storage.encryption.transformer import IDENTITY, Observe, Prefixed, Prefixes, Transformer
from sampan.storage.encryption.transformers import ANY, GroupResource, Overrides

_KMS_V1 = (
    "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead.  Set "
    "--feature-gates=KMSv1=true to use the deprecated KMSv1 feature."
)

MakeKMS = Callable[[KMS], Transformer]


class Loaded(NamedTuple):
    """A file as it was: its hash, and what it says."""

    hash: str
    configuration: Configuration


def load(path: Path, *, reload: bool) -> Loaded:
    """A valid file. Raises ConfigFileError."""
    try:
        try:
            text, content_hash = config_file.read(path)
        except ConfigFileError as error:
            raise ConfigFileError(f"error while loading file: {error}") from error
        configuration = config_file.parse(text, path)
        if wrong := aggregated(validation.errors(configuration, reload=reload)):
            raise ConfigFileError(wrong)
    except ConfigFileError as error:
        raise ConfigFileError(f"error while parsing file: {error}") from error
    return Loaded(content_hash, configuration)


def overrides(configuration: Configuration, make_kms: MakeKMS, observe: Observe = lambda *_: None) -> Overrides:
    """The transformers of each resource. Raises ConfigFileError."""
    found: dict[GroupResource, list[Prefixed]] = {}
    for resources, providers in configuration:
        choices = [_prefixed(provider, make_kms) for provider in providers]
        for place in map(GroupResource.parse, resources):
            for wider in (GroupResource(place.group, "*"), ANY):
                if wider in found:
                    raise ConfigFileError(
                        f'error while building transformers: resource "{place}" is masked by earlier rule "{wider}"'
                    )
            found.setdefault(place, []).extend(choices)
    return {place: Prefixes(choices, "no matching prefix found", observe) for place, choices in found.items()}


def _prefixed(provider: Provider, make_kms: MakeKMS) -> Prefixed:
    match provider.name:
        case "aesgcm":
            return _keyed(b"k8s:enc:aesgcm:v1:", "AES", provider.keys, GCM)
        case "aescbc":
            return _keyed(b"k8s:enc:aescbc:v1:", "AES", provider.keys, CBC)
        case "secretbox":
            from sampan.storage.encryption.secretbox import Secretbox

            return _keyed(b"k8s:enc:secretbox:v1:", "Secretbox", provider.keys, Secretbox)
        case "kms" if provider.kms is not None:
            if provider.kms.api_version == "v1":
                raise ConfigFileError(f"error while building transformers: {_KMS_V1}")
            return Prefixed(f"k8s:enc:kms:v2:{provider.kms.name}:".encode(), make_kms(provider.kms))
        case _:
            return Prefixed(b"", IDENTITY)


def _keyed(prefix: bytes, cipher: str, keys: tuple[Key, ...], make: Callable[[bytes], Transformer]) -> Prefixed:
    choices = [Prefixed(f"{key.name}:".encode(), make(base64.b64decode(key.secret))) for key in keys]
    return Prefixed(prefix, Prefixes(choices, f"no matching key was found for the provided {cipher} transformer"))
