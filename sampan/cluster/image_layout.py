"""Container images as an OCI image layout on disk: names, layers, manifests, archives.

The layout (a directory with index.json and blobs/) is where `sampan image build` and `load` put images and where
registry.py serves them from. Not a builder: Dockerfiles are left to buildah (image_build.py), packing files is oci.py.
Format: OCI image-spec v1.1, image-layout.md.
"""

import gzip
import hashlib
import json
import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sampan.cluster.oci import CONFIG, LAYER, MANIFEST

INDEX = "application/vnd.oci.image.index.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"

Descriptor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """A normalised image name: docker.io/library/node:7."""

    registry: str
    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}:{self.tag}"


def parse_reference(text: str) -> Reference:
    """Expand a short image name as Docker does: `node:7` is docker.io/library/node:7. Raises ValueError."""
    if not text or text != text.strip() or "@" in text:
        raise ValueError(f"invalid image reference {text!r}")
    first, _, rest = text.partition("/")
    named = bool(rest) and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, rest) if named else ("docker.io", text)
    repository, colon, tag = path.rpartition(":")
    if not colon:
        repository, tag = path, "latest"
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, tag)


class Layout:
    """One OCI image layout directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.blobs = directory / "blobs" / "sha256"

    def add_blob(self, data: bytes) -> tuple[str, int]:
        """Store bytes; return digest and size."""
        digest = hashlib.sha256(data).hexdigest()
        self.blobs.mkdir(parents=True, exist_ok=True)
        if not (self.blobs / digest).exists():
            draft = self.blobs / f"{digest}.new"
            draft.write_bytes(data)
            draft.replace(self.blobs / digest)
        return f"sha256:{digest}", len(data)

    def blob_path(self, digest: str) -> Path | None:
        """The file of a blob; None if it is not here or the digest is malformed."""
        algorithm, _, hexadecimal = digest.partition(":")
        if algorithm != "sha256" or len(hexadecimal) != 64 or not set(hexadecimal) <= set("0123456789abcdef"):
            return None
        path = self.blobs / hexadecimal
        return path if path.is_file() else None

    def read(self, descriptor: Descriptor) -> bytes:
        """A blob's bytes; raises FileNotFoundError."""
        digest: str = descriptor["digest"]
        return (self.blobs / digest.partition(":")[2]).read_bytes()

    def index(self) -> list[Descriptor]:
        """Descriptors of every named image; raises ValueError where the file that lists them is damaged."""
        path = self.directory / "index.json"
        try:
            manifests: list[Descriptor] = json.loads(path.read_bytes())["manifests"]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged: {error}. Build or load images anew after:\n    rm {path}") from error
        return manifests

    def images(self) -> Iterator[tuple[str, Descriptor]]:
        """(reference, manifest descriptor) of every image, by name."""
        named = ((d.get("annotations", {}).get(REF_NAME, ""), d) for d in self.index())
        return iter(sorted((name, d) for name, d in named if name))

    def find(self, reference: Reference) -> Descriptor | None:
        """The manifest descriptor of an image."""
        return next((d for name, d in self.images() if name == str(reference)), None)

    def tag(self, reference: Reference, descriptor: Descriptor) -> None:
        """Name a manifest, replacing what had the name before. The index changes atomically."""
        named = {k: v for k, v in descriptor.items() if k != "annotations"}
        named["annotations"] = {REF_NAME: str(reference)}
        others = [d for d in self.index() if d.get("annotations", {}).get(REF_NAME) != str(reference)]
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        draft = self.directory / "index.json.new"
        draft.write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*others, named]}))
        draft.replace(self.directory / "index.json")

    def add_image(self, reference: Reference, layers: Iterable[Descriptor], config: Mapping[str, Any]) -> Descriptor:
        """Write config and manifest over stored layers, and tag them; layer descriptors are those of add_layer."""
        layers = list(layers)
        body = dict(config)
        body["rootfs"] = {"type": "layers", "diff_ids": [layer["diff_id"] for layer in layers]}
        digest, size = self.add_blob(_json(body))
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest, "size": size},
            "layers": [{k: layer[k] for k in ("mediaType", "digest", "size")} for layer in layers],
        }
        digest, size = self.add_blob(_json(manifest))
        descriptor = {"mediaType": MANIFEST, "digest": digest, "size": size}
        self.tag(reference, descriptor)
        return descriptor

    def add_layer(self, tar: bytes) -> Descriptor:
        """Store an uncompressed tar as a layer. Compressed reproducibly, so the same tar is the same blob."""
        digest, size = self.add_blob(gzip.compress(tar, compresslevel=1, mtime=0))
        return {
            "mediaType": LAYER,
            "digest": digest,
            "size": size,
            "diff_id": "sha256:" + hashlib.sha256(tar).hexdigest(),
        }

    def layers_of(self, descriptor: Descriptor) -> tuple[list[Descriptor], dict[str, Any]]:
        """The layer descriptors (with diff_id) and the config of an image."""
        manifest = json.loads(self.read(descriptor))
        config = json.loads(self.read(manifest["config"]))
        pairs = zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
        return [{**layer, "diff_id": diff_id} for layer, diff_id in pairs], config

    def load_archive(self, file: IO[bytes]) -> list[str]:
        """Take in a `docker save` or OCI archive; return the names it brought. Raises ValueError for anything else."""
        try:
            return self._load(file)
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise ValueError("no archive of an image, such as `docker save` writes") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("the archive's manifest is no image's") from error

    def _load(self, file: IO[bytes]) -> list[str]:
        with tarfile.open(fileobj=file, mode="r:*") as tar:
            files = {m.name.removeprefix("./"): m for m in tar.getmembers() if m.isfile()}

            def read(name: str) -> bytes:
                member = files.get(name)
                handle = tar.extractfile(member) if member else None
                if handle is None:
                    raise ValueError(f"the archive lacks {name}")
                return handle.read()

            if "manifest.json" in files:
                return self._load_docker(read)
            if "index.json" in files:
                return self._load_oci(read, files)
        raise ValueError("neither a docker-archive nor an OCI archive: no manifest.json and no index.json")

    def _load_docker(self, read: Any) -> list[str]:
        names = []
        for image in json.loads(read("manifest.json")):
            layers = [self.add_layer(_decompress(read(layer))) for layer in image["Layers"]]
            config = json.loads(read(image["Config"]))
            for name in image["RepoTags"] or ():
                reference = parse_reference(name)
                self.add_image(reference, layers, config)
                names.append(str(reference))
        return names

    def _load_oci(self, read: Any, files: Mapping[str, object]) -> list[str]:
        names = []
        for path in files:
            if path.startswith("blobs/sha256/"):
                self.add_blob(read(path))
        for descriptor in json.loads(read("index.json"))["manifests"]:
            annotations = descriptor.get("annotations", {})
            name = annotations.get("io.containerd.image.name") or annotations.get(REF_NAME)
            if name:
                reference = parse_reference(name)
                self.tag(reference, descriptor)
                names.append(str(reference))
        return names


def _decompress(data: bytes) -> bytes:
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
