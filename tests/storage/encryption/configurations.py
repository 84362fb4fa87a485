"""EncryptionConfigurations for tests, as text and as table."""

import base64
import json
from pathlib import Path
from typing import Any

from sampan.storage.encryption import providers
from sampan.storage.encryption.config_file import parse
from sampan.storage.encryption.transformer import IDENTITY
from sampan.storage.encryption.transformers import Transformers

IDENTITY_PROVIDER: dict[str, Any] = {"identity": {}}


def key(name: str, letter: str = "k", size: int = 32) -> dict[str, str]:
    """A key of one letter."""
    return {"name": name, "secret": base64.b64encode(letter.encode() * size).decode()}


def local(kind: str, *keys: dict[str, str]) -> dict[str, Any]:
    """A provider whose keys are in the file."""
    return {kind: {"keys": list(keys or (key("key1"),))}}


def kms(name: str, socket: Path, **more: Any) -> dict[str, Any]:
    """A provider that asks a plugin."""
    return {"kms": {"apiVersion": "v2", "name": name, "endpoint": f"unix://{socket}", "timeout": "3s", **more}}


def text(*lists: tuple[list[str], list[dict[str, Any]]]) -> str:
    """The file, of (resources, providers)."""
    resources = [{"resources": names, "providers": chosen} for names, chosen in lists]
    return json.dumps(
        {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": resources}
    )


def table(*lists: tuple[list[str], list[dict[str, Any]]]) -> Transformers:
    """What it becomes, without plugins."""
    configuration = parse(text(*lists).encode(), Path("test"))
    return Transformers(providers.overrides(configuration, lambda _: IDENTITY))
