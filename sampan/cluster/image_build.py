"""Building an image from a Dockerfile into the cluster's own registry, by buildah.

`FROM` images come from the cluster's registry where it has them, otherwise from where they say. Called by
`sampan image build`.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sampan.cluster.config import ClusterConfig
from sampan.cluster.image_layout import parse_reference

REGISTRIES = """unqualified-search-registries = ["docker.io"]
short-name-mode = "permissive"

[[registry]]
location = "docker.io"

[[registry.mirror]]
location = "127.0.0.1:{port}"
insecure = true
"""


class BuildError(Exception):
    """buildah's own words."""


def build(config: ClusterConfig, context: Path, tag: str, dockerfile: Path | None, arguments: Sequence[str]) -> str:
    """Build and return the normalised name; output goes to the terminal. Raises BuildError, ValueError for the tag."""
    reference = parse_reference(tag)
    work = config.directory / "build"
    work.mkdir(parents=True, exist_ok=True)
    registries = work / "registries.conf"
    registries.write_text(REGISTRIES.format(port=config.registry_port))
    command = ["buildah", "--root", str(work / "root"), "--runroot", str(work / "run"), "--storage-driver", "vfs"]
    command += ["bud", "--isolation", "chroot", "--layers=false"]
    command += ["--pull-always"]  # a base image that was rebuilt since must not come from buildah's cache
    command += ["-f", str(dockerfile)] if dockerfile else []
    command += [f"--build-arg={argument}" for argument in arguments]
    command += ["-t", f"oci:{config.directory / 'images'}:{reference}", str(context)]
    environment = os.environ | {"CONTAINERS_REGISTRIES_CONF": str(registries)}
    try:
        done = subprocess.run(command, env=environment, check=False)
    except FileNotFoundError:
        raise BuildError("buildah is not installed:\n    apt-get install -y buildah") from None
    if done.returncode:
        raise BuildError(f"building {reference} failed (buildah exited with {done.returncode})")
    return str(reference)
