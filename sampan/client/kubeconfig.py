"""kubeconfig files, read: $KUBECONFIG's list merged, and a context resolved to what a connection needs.

After the documentation's "Organizing Cluster Access Using kubeconfig Files": the first file to name an entry wins, and
relative file names are relative to the file that holds them. kubeconfig_edit.py writes. Called by cli/, cluster/,
testing/, and components that run in a process of their own.
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sampan.client.kubeconfig_edit import KubeconfigError, merge_cluster, refresh_cluster, remove_cluster

__all__ = [
    "Access",
    "KubeconfigError",
    "current_context",
    "default_paths",
    "default_write_path",
    "load",
    "merge_cluster",
    "refresh_cluster",
    "remove_cluster",
]


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one cluster as one user: what a context resolves to. PEM as bytes."""

    server: str
    namespace: str = "default"
    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    username: str = ""
    password: str = ""
    verify: bool = True
    tls_server_name: str = ""


def default_paths() -> list[Path]:
    """$KUBECONFIG's files in order, or ~/.kube/config."""
    named = [Path(name) for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    return named or [Path.home() / ".kube" / "config"]


def default_write_path() -> Path:
    """The file that takes new entries: the first of $KUBECONFIG's that exists, else the last."""
    paths = default_paths()
    return next((path for path in paths if path.exists()), paths[-1])


def current_context() -> str:
    """The context that kubectl would take; "" where there is none, or no reading the files."""
    try:
        return _Merged.read(default_paths()).current
    except (KubeconfigError, AttributeError, TypeError):  # whatever stands in them, it names no cluster
        return ""


def load(paths: Sequence[Path] | None = None, context: str = "") -> Access:
    """The access that `context` (default: current-context) gives; raises KubeconfigError."""
    merged = _Merged.read(default_paths() if paths is None else paths)
    name = context or merged.current
    if not name:
        raise KubeconfigError("no context is chosen: current-context is not set")
    chosen = merged.find("contexts", name)
    cluster = merged.find("clusters", _text(chosen, "cluster"))
    user = merged.find("users", _text(chosen, "user")) if chosen.get("user") else {}
    return _access(cluster, user, _text(chosen, "namespace") or "default")


_SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}


@dataclass(frozen=True, slots=True)
class _Merged:
    """Every entry by section and name, each knowing the folder of its file under the key ''."""

    entries: Mapping[tuple[str, str], Mapping[str, Any]]
    current: str

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "_Merged":
        entries: dict[tuple[str, str], Mapping[str, Any]] = {}
        current = ""
        for path in paths:
            document = _document(path)
            current = current or _text(document, "current-context")
            for section, key in _SECTIONS.items():
                for entry in document.get(section) or ():
                    fields = {**(entry.get(key) or {}), "": path.parent}
                    entries.setdefault((section, _text(entry, "name")), fields)
        return cls(entries, current)

    def find(self, section: str, name: str) -> Mapping[str, Any]:
        try:
            return self.entries[section, name]
        except KeyError:
            raise KubeconfigError(f'{_SECTIONS[section]} "{name}" does not exist') from None


def _document(path: Path) -> dict[str, Any]:
    """One file, every scalar as the text that it is written as; empty where there is no such file."""
    try:
        document = yaml.load(path.read_bytes(), Loader=yaml.CBaseLoader)
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError) as error:
        raise KubeconfigError(f"error loading config file {str(path)!r}: {error}") from error
    if document in (None, ""):
        return {}
    if not isinstance(document, dict):
        raise KubeconfigError(f"error loading config file {str(path)!r}: not a mapping")
    return document


def _access(cluster: Mapping[str, Any], user: Mapping[str, Any], namespace: str) -> Access:
    token = _text(user, "token") or _contents(user, "tokenFile").decode().strip()
    certificate = _material(user, "client-certificate")
    if not (token or certificate or _text(user, "username")):
        for unsupported in ("exec", "auth-provider"):
            if unsupported in user:
                raise KubeconfigError(f"the user's credentials come from {unsupported!r}, which is not supported")
    if _text(cluster, "proxy-url"):
        raise KubeconfigError("the cluster is behind a proxy (proxy-url), which is not supported")
    return Access(
        server=_text(cluster, "server"),
        namespace=namespace,
        ca=_material(cluster, "certificate-authority"),
        certificate=certificate,
        key=_material(user, "client-key"),
        token=token,
        username=_text(user, "username"),
        password=_text(user, "password"),
        verify=_text(cluster, "insecure-skip-tls-verify").lower() != "true",
        tls_server_name=_text(cluster, "tls-server-name"),
    )


def _material(fields: Mapping[str, Any], name: str) -> bytes:
    """Key material: given in place as `<name>-data`, else in the file `<name>`."""
    data = _text(fields, f"{name}-data")
    if not data:
        return _contents(fields, name)
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except binascii.Error as error:
        raise KubeconfigError(f"{name}-data is not base64: {error}") from error


def _contents(fields: Mapping[str, Any], name: str) -> bytes:
    file = _text(fields, name)
    if not file:
        return b""
    try:
        return Path(fields[""], file).read_bytes()
    except OSError as error:
        raise KubeconfigError(f"unable to read {name} {file}: {error.strerror}") from error


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
