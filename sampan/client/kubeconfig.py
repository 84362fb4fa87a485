"""kubeconfig files: reading, merging $KUBECONFIG's list, and adding or removing one cluster's entries."""

from dataclasses import dataclass
from pathlib import Path


class KubeconfigError(Exception):
    """A kubeconfig that can't be read or lacks what was asked for."""


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
    raise NotImplementedError


def load(paths: list[Path] | None = None, context: str = "") -> Access:
    """The access that `context` (default: current-context) gives; raises KubeconfigError."""
    raise NotImplementedError


def merge_cluster(path: Path, name: str, server: str, ca: bytes, cert: bytes, key: bytes) -> None:
    """Add or refresh cluster, user and context `name` and make it current; every other entry is kept."""
    raise NotImplementedError


def remove_cluster(path: Path, name: str) -> None:
    """Remove the entries that merge_cluster made; others are kept."""
    raise NotImplementedError
