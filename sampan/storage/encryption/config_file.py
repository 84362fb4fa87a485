"""EncryptionConfiguration (apiserver.config.k8s.io/v1): the file of --encryption-provider-config, as values.

What the fields may hold is validation.py's, what they become providers.py's. Rules:
k8s.io/apiserver/pkg/server/options/encryptionconfig (loadConfig), pkg/apis/apiserver/v1.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from sampan.machinery import component_config

_KINDS = (("apiserver.config.k8s.io/v1", "EncryptionConfiguration"), ("v1", "EncryptionConfig"))
_KEYS: Mapping[str, Any] = {"keys": [{"name": str, "secret": str}]}
_KMS: Mapping[str, Any] = {"apiVersion": str, "name": str, "cachesize": int, "endpoint": str, "timeout": str}
_PROVIDER = {"aesgcm": _KEYS, "aescbc": _KEYS, "secretbox": _KEYS, "identity": {}, "kms": _KMS}
_SHAPE = {"resources": [{"resources": [str], "providers": [_PROVIDER]}]}
_TIMEOUT = "3s"  # of a call to a KMS plugin


class ConfigFileError(ValueError):
    """The file can't be used; str() says why, in upstream's words."""


class Key(NamedTuple):
    """A key of a local provider; the secret is base64."""

    name: str
    secret: str


class KMS(NamedTuple):
    """A KMS plugin."""

    api_version: str
    name: str
    endpoint: str
    timeout: str
    cache_size: int | None


class Provider(NamedTuple):
    """An element of `providers`: by the fields that it has, which should be one."""

    fields: tuple[str, ...]
    keys: tuple[Key, ...] = ()
    kms: KMS | None = None

    @property
    def name(self) -> str:
        """aesgcm, aescbc, secretbox, identity or kms; "" where that is not clear."""
        return self.fields[0] if len(self.fields) == 1 else ""


class ResourceConfiguration(NamedTuple):
    """Resources, and the providers of all of them."""

    resources: tuple[str, ...]
    providers: tuple[Provider, ...]


Configuration = Sequence[ResourceConfiguration]


def read(path: Path) -> tuple[bytes, str]:
    """The file's text, and by which hash a change is told. Raises ConfigFileError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        why = f"open {path}: {(error.strerror or str(error)).lower()}"
        raise ConfigFileError(f'error reading encryption provider configuration file "{path}": {why}') from error
    if not text:
        raise ConfigFileError(f'encryption provider configuration file "{path}" is empty')
    return text, f"sha256:{sha256(text).hexdigest()}"


def parse(text: bytes, path: Path) -> Configuration:
    """What the text says, not yet validated. Raises ConfigFileError."""
    try:
        tree, problems = component_config.parse(text)
        _check_kind(tree)
        fields, unknown = component_config.held_to(tree, _SHAPE)
        if problems := problems + unknown:
            raise component_config.Malformed(f"strict decoding error: {', '.join(problems)}")
    except component_config.Malformed as error:
        raise ConfigFileError(f'error decoding encryption provider configuration file "{path}": {error}') from error
    return [_resources(one) for one in fields.get("resources") or ()]


def _check_kind(tree: Mapping[str, Any]) -> None:
    version, kind = tree.get("apiVersion") or "", tree.get("kind") or ""
    if not kind:
        raise component_config.Malformed(f"Object 'Kind' is missing in '{_shown(tree)}'")
    if not version:
        raise component_config.Malformed(f"Object 'apiVersion' is missing in '{_shown(tree)}'")
    if (version, kind) not in _KINDS:
        raise component_config.Malformed(f'no kind "{kind}" is registered for version "{version}" in scheme')


def _shown(tree: Mapping[str, Any]) -> str:
    """The names of its fields: what they hold may be keys."""
    return "{" + ",".join(sorted(map(str, tree))) + "}"


def _resources(tree: Mapping[str, Any]) -> ResourceConfiguration:
    return ResourceConfiguration(
        tuple(tree.get("resources") or ()), tuple(_provider(one) for one in tree.get("providers") or ())
    )


def _provider(tree: Mapping[str, Any]) -> Provider:
    fields = tuple(tree)
    kms = tree.get("kms")
    found = tree.get("aesgcm") or tree.get("aescbc") or tree.get("secretbox") or {}
    keys = tuple(Key(key.get("name", ""), key.get("secret", "")) for key in found.get("keys") or ())
    return Provider(fields, keys, None if kms is None else _kms(kms))


def _kms(tree: Mapping[str, Any]) -> KMS:
    version = tree.get("apiVersion") or "v1"
    size = tree.get("cachesize", 1000 if version == "v1" else None)
    return KMS(version, tree.get("name", ""), tree.get("endpoint", ""), tree.get("timeout") or _TIMEOUT, size)
