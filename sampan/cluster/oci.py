"""Making container images without a builder: files -> layer -> OCI image layout archive, as bytes.

Pure and deterministic: the same files give the same digest. Called by pause.py for the built-in pause image and by
whoever packs stand-in images. Format: OCI image-spec 1.0, image layout in a tar, which `ctr images import` takes.
"""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from sampan.kubelet.machine import go_architecture

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class File(NamedTuple):
    """A regular file of a layer."""

    content: bytes
    mode: int = 0o644


class Link(NamedTuple):
    """A symbolic link of a layer."""

    target: str


class Directory(NamedTuple):
    """A directory that needs a mode of its own; others are made as needed by whoever unpacks."""

    mode: int = 0o755


def layer(entries: Mapping[str, File | Link | Directory]) -> bytes:
    """An uncompressed layer; paths are relative to the root, owner is root, times are zero."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, entry in sorted(entries.items()):
            info, content = _member(path.strip("/"), entry)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def archive(reference: str, layers: list[bytes], config: Mapping[str, Any]) -> bytes:
    """An image archive named `reference` (a full one: registry/repository:tag).

    `config` is the OCI image config's `config` object: Entrypoint, Cmd, Env, WorkingDir, User, ExposedPorts.
    """
    blobs = [gzip.compress(content, mtime=0) for content in layers]
    image = {
        "architecture": go_architecture(),
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [_digest(content) for content in layers]},
    }
    config_blob = orjson.dumps(image)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(CONFIG, config_blob),
        "layers": [_descriptor(LAYER, blob) for blob in blobs],
    }
    manifest_blob = orjson.dumps(manifest)
    names = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference.rpartition(":")[2]}
    index = {"schemaVersion": 2, "manifests": [_descriptor(MANIFEST, manifest_blob) | {"annotations": names}]}
    entries: dict[str, File | Link | Directory] = {
        f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": File(blob) for blob in (*blobs, config_blob, manifest_blob)
    }
    entries["oci-layout"] = File(b'{"imageLayoutVersion":"1.0.0"}')
    entries["index.json"] = File(orjson.dumps(index))
    return layer(entries)


def _member(path: str, entry: File | Link | Directory) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(path)
    content = b""
    match entry:
        case File():
            content, info.mode, info.size = entry.content, entry.mode, len(entry.content)
        case Link():
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
        case Directory():
            info.type, info.mode = tarfile.DIRTYPE, entry.mode
    return info, content


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}
