"""kubeconfig files, written: one cluster's entries added or removed, everything else kept as it is.

The file is edited as YAML nodes, so that foreign entries keep their spelling ("yes", 0123, quotes). It is replaced in
one step, stays with its owner, and is readable by nobody else. Our entries carry a mark (a `cluster_info` extension, as
minikube's do), and entries without it are never touched.
"""

import base64
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.representer import SafeRepresenter

PROVIDER = "sampan"
_MARK = [{"name": "cluster_info", "extension": {"provider": PROVIDER}}]


class KubeconfigError(Exception):
    """A kubeconfig that can't be read or edited, or lacks what was asked for."""


def merge_cluster(path: Path, name: str, server: str, ca: bytes, cert: bytes, key: bytes) -> None:
    """Add or refresh cluster, user and context `name`, and make it current. Raises KubeconfigError where an entry of
    that name is not ours, or the file is not a kubeconfig; OSError."""

    def edit(document: "_Document") -> None:
        for section, (field, values) in _entries(name, server, ca, cert, key).items():
            document.put(section, name, field, {**values, "extensions": _MARK})
        document.set_current(name)

    _edit(path, edit)


def refresh_cluster(path: Path, name: str, server: str, ca: bytes, cert: bytes, key: bytes) -> None:
    """Give the entries that merge_cluster made the certificates of today; those of another server, and those that are
    there no more, stay so. Raises KubeconfigError, OSError."""
    try:
        if not path.exists() or not _Document(path.read_bytes()).leads(name, server):
            return
    except yaml.YAMLError as error:
        raise KubeconfigError(f"{path}: {error}") from error

    def edit(document: "_Document") -> None:
        for section, (field, values) in _entries(name, server, ca, cert, key).items():
            if section != "contexts" and document.has(section, name):  # a context may have a namespace of the user's
                document.put(section, name, field, {**values, "extensions": _MARK})

    _edit(path, edit)


def _entries(name: str, server: str, ca: bytes, cert: bytes, key: bytes) -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        "clusters": ("cluster", {"certificate-authority-data": _base64(ca), "server": server}),
        "users": ("user", {"client-certificate-data": _base64(cert), "client-key-data": _base64(key)}),
        "contexts": ("context", {"cluster": name, "user": name}),
    }


def remove_cluster(path: Path, name: str) -> None:
    """Remove the entries that merge_cluster made; others are kept. A missing file or entry is fine."""
    if not path.exists():
        return

    def edit(document: "_Document") -> None:
        removed = [document.remove(section, name) for section in ("contexts", "clusters", "users")]
        if removed[0] and document.current() == name:
            document.set_current("")

    _edit(path, edit)


class _Document:
    """One kubeconfig as YAML nodes."""

    def __init__(self, text: bytes) -> None:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        if root is None:
            root = _node({"apiVersion": "v1", "kind": "Config", "preferences": {}})
        if not isinstance(root, MappingNode):
            raise KubeconfigError("not a mapping")
        self._root = root

    def render(self) -> bytes:
        return bytes(yaml.serialize(self._root, Dumper=yaml.CSafeDumper, encoding="utf-8", allow_unicode=True))

    def put(self, section: str, name: str, field: str, values: dict[str, Any]) -> None:
        """Add the entry, or replace it if it is ours."""
        entry = _node({"name": name, field: values})
        entries = self._section(section)
        for index, existing in enumerate(entries):
            if _name(existing) == name:
                if not _ours(existing):
                    raise KubeconfigError(
                        f'{section} already has "{name}", which is not one of ours: choose another cluster name'
                    )
                entries[index] = entry
                return
        entries.append(entry)

    def remove(self, section: str, name: str) -> bool:
        """Remove the entry if it is ours; whether it was there."""
        entries = self._section(section)
        kept = [entry for entry in entries if _name(entry) != name or not _ours(entry)]
        removed = len(kept) < len(entries)
        entries[:] = kept
        return removed

    def has(self, section: str, name: str) -> bool:
        """Whether there is an entry of ours."""
        return any(_name(entry) == name and _ours(entry) for entry in self._section(section))

    def leads(self, name: str, server: str) -> bool:
        """Whether our cluster of that name is at this server."""
        found = next((entry for entry in self._section("clusters") if _name(entry) == name and _ours(entry)), None)
        address = _get(_get(found, "cluster"), "server")
        return isinstance(address, ScalarNode) and address.value == server

    def current(self) -> str:
        node = _get(self._root, "current-context")
        return node.value if isinstance(node, ScalarNode) else ""

    def set_current(self, name: str) -> None:
        _set(self._root, "current-context", _node(name))

    def _section(self, section: str) -> list[Node]:
        node = _get(self._root, section)
        if not isinstance(node, SequenceNode):
            if isinstance(node, ScalarNode) and node.value not in ("", "null", "~"):
                raise KubeconfigError(f"{section} is not a list")
            node = _node([])
            assert isinstance(node, SequenceNode)
            _set(self._root, section, node)
        if not node.value:
            node.flow_style = False
        entries: list[Node] = node.value
        return entries


def _edit(path: Path, edit: Callable[[_Document], None]) -> None:
    path = path.resolve()  # a link stays a link
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    with _locked(path.parent):
        before = path.read_bytes() if path.exists() else b""
        try:
            document = _Document(before)
            edit(document)
        except (yaml.YAMLError, KubeconfigError) as error:
            raise KubeconfigError(f"{path}: {error}") from error
        _replace(path, document.render())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One edit at a time on this machine; the lock goes with its file descriptor."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    """Write anew beside it, for its owner only (mkstemp makes it 0600), then rename: readers see the old or the new."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if path.exists():
                owner = path.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _node(value: Any) -> Node:
    representer = SafeRepresenter(default_flow_style=False, sort_keys=False)
    node: Node = representer.represent_data(value)
    return node


def _get(mapping: Node | None, name: str) -> Node | None:
    if not isinstance(mapping, MappingNode):
        return None
    return next((value for key, value in mapping.value if key.value == name), None)


def _set(mapping: MappingNode, name: str, value: Node) -> None:
    for index, (key, _) in enumerate(mapping.value):
        if key.value == name:
            mapping.value[index] = (key, value)
            return
    mapping.value.append((_node(name), value))


def _name(entry: Node) -> str:
    node = _get(entry, "name")
    return node.value if isinstance(node, ScalarNode) else ""


def _ours(entry: Node) -> bool:
    for field in ("cluster", "user", "context"):
        extensions = _get(_get(entry, field), "extensions")
        if isinstance(extensions, SequenceNode):
            providers = (_get(_get(extension, "extension"), "provider") for extension in extensions.value)
            return any(isinstance(node, ScalarNode) and node.value == PROVIDER for node in providers)
    return False
