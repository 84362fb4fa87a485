"""The images of the notes, in the cluster's registry: from Docker Hub where it answers, otherwise built here.

    python -m examples.images.standins [--name CLUSTER] [IMAGE ...]

Base images are made of Debian packages, the rest by `sampan image build` from the Dockerfiles beside this file. Used by
the demo and the end-to-end tests.
"""

import argparse
import http.client
import io
import json
import shutil
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from examples.images.debian import cache_directory, root_filesystem
from sampan.cluster.config import ClusterConfig, home, load
from sampan.cluster.image_build import build
from sampan.cluster.image_layout import Layout, Reference, parse_reference
from sampan.cluster.oci import Link, layer
from sampan.cluster.preflight import install

HERE = Path(__file__).parent
SHELL = ("bash", "dash", "coreutils", "grep", "sed", "hostname", "procps")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# image -> Debian packages it is made of, and its default command
BASES: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "node:7": ((*SHELL, "nodejs", "curl"), ["node"]),
    "tutum/dnsutils": ((*SHELL, "dnsutils", "curl"), ["bash"]),
    "busybox": (("busybox-static",), ["sh"]),
}

# image -> its build context and the image that it starts from
BUILDS: dict[str, tuple[Path, str]] = {
    "luksa/kubia": (HERE.parent / "kubia", "node:7"),
    "luksa/kubia-unhealthy": (HERE / "kubia-unhealthy", "node:7"),
    "luksa/ssd-monitor": (HERE / "ssd-monitor", "busybox"),
    "luksa/batch-job": (HERE / "batch-job", "busybox"),
}

ALL = (*BASES, *BUILDS)


def docker_hub_answers(timeout: float = 3) -> bool:
    """Whether Docker Hub's registry answers from here at all (it says 401 to strangers)."""
    connection = http.client.HTTPSConnection("registry-1.docker.io", timeout=timeout)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in (200, 401)
    except (OSError, socket.gaierror, http.client.HTTPException):
        return False
    finally:
        connection.close()


def ensure(config: ClusterConfig, images: Iterable[str], say: Callable[[str], None] = print) -> None:
    """Put what lacks of `images` (names from ALL) into the cluster's registry."""
    layout = Layout(config.directory / "images")
    for image in images:
        if layout.find(parse_reference(image)):
            continue
        if image in BASES:
            say(f"building {image} from Debian packages")
            make_base(layout, image)
        else:
            context, base = BUILDS[image]
            ensure(config, [base], say)
            need_command("buildah", say)
            say(f"building {image} from its Dockerfile")
            build(config, context, image, None, ())


def make_base(layout: Layout, image: str) -> None:
    """Put one of BASES into a layout, by way of a cache that all clusters share."""
    reference = parse_reference(image)
    cache = Layout(cache_directory() / "images")
    if cache.find(reference) is None:
        packages, command = BASES[image]
        root = root_filesystem(packages)
        layers = [cache.add_layer(root)] + ([cache.add_layer(applets(root))] if image == "busybox" else [])
        settings = {"Env": [PATH], "Cmd": command}
        cache.add_image(reference, layers, {"architecture": "amd64", "os": "linux", "config": settings})
    copy_image(cache, layout, reference)


def copy_image(source: Layout, target: Layout, reference: Reference) -> None:
    """Put one image of a layout into another; raises KeyError if it is not there."""
    descriptor = source.find(reference)
    if descriptor is None:
        raise KeyError(str(reference))
    manifest = json.loads(source.read(descriptor))
    for part in (descriptor, manifest["config"], *manifest["layers"]):
        if target.blob_path(part["digest"]) is None:
            target.add_blob(source.read(part))
    target.tag(reference, descriptor)


def applets(root: bytes) -> bytes:
    """A layer of links that give busybox its other names, as its own image has them."""
    return layer({f"usr/bin/{name}": Link("busybox") for name in applet_names(root)})


def applet_names(root: bytes) -> list[str]:
    """The names under which the busybox of a root file system does something."""
    with tarfile.open(fileobj=io.BytesIO(root)) as tar:
        binary = tar.extractfile("usr/bin/busybox")
        assert binary is not None
        content = binary.read()
    with tempfile.TemporaryDirectory() as scratch:
        busybox = Path(scratch) / "busybox"
        busybox.write_bytes(content)
        busybox.chmod(0o700)
        names = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    return sorted({*names.stdout.split()} - {"busybox"})


def need_command(name: str, say: Callable[[str], None] = print) -> None:
    """Install the Debian package of a command's name where it is missing; raises PreflightError."""
    if not shutil.which(name):
        say(f"installing {name}")
        install([name])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m examples.images.standins")
    parser.add_argument("--name", default="sampan")
    parser.add_argument("images", nargs="*", default=ALL, metavar="IMAGE")
    chosen = parser.parse_args(arguments)
    config = load(home() / chosen.name)
    if config is None:
        parser.error(f"there is no cluster {chosen.name}; start it with: sampan up --name {chosen.name}")
    ensure(config, chosen.images)


if __name__ == "__main__":
    main()
