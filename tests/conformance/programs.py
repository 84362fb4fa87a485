"""Upstream's programs, built with Go from the modules that go.mod names, and kept in the cache between runs.

The cache is keyed by go.mod and go.sum, so a change of release builds anew beside the old. Nothing here is run; called
by __main__.py.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
RELEASE = "k8s.io/kubernetes"

# program -> package that it is built from
PACKAGES = {
    "e2e.test": "k8s.io/kubernetes/test/e2e",
    "agnhost": "k8s.io/kubernetes/test/images/agnhost",
    "nonewprivs": "k8s.io/kubernetes/test/images/nonewprivs",
    "sample-apiserver": "k8s.io/sample-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    # To compare with, or as clients (tests/clients/test_components.py); no conformance test needs them.
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
}
NEEDED = tuple(name for name in PACKAGES if not name.startswith("kube-") and name != "kubelet")


class GoMissing(Exception):
    """There is no Go on this machine."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the built programs are, and upstream's sources, whose data files some images hold."""

    directory: Path
    sources: Path

    def __getitem__(self, name: str) -> Path:
        return self.directory / name


def release() -> str:
    """The Kubernetes release of go.mod, without the v."""
    found = re.search(rf"^\s*(?:require )?{re.escape(RELEASE)} v(\S+)", (HERE / "go.mod").read_text(), re.M)
    assert found, "go.mod names no release"
    return found[1]


def cache() -> Path:
    """What outlives a run: programs, images, logs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sampan" / "conformance"


def built() -> Path:
    """Where the programs are, once they are built."""
    digest = hashlib.sha256((HERE / "go.mod").read_bytes() + (HERE / "go.sum").read_bytes()).hexdigest()[:12]
    return cache() / f"{release()}-{digest}"


def ensure(names: Iterable[str] = NEEDED) -> Programs:
    """Build what is missing. Raises GoMissing, CalledProcessError."""
    if not shutil.which("go"):
        raise GoMissing("needs Go (https://go.dev/dl) in PATH; nothing else in Sampan does")
    directory = built()
    with exclusive(directory):
        for name in names:
            if not (directory / name).exists():
                print(f"building {name} {release()} (kept in {directory})", flush=True)
                _go(*_command(name, directory / f"{name}.new"))
                (directory / f"{name}.new").rename(directory / name)
    return Programs(directory, Path(_go("list", "-m", "-f", "{{.Dir}}", RELEASE).strip()))


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Makes a directory and keeps other runs out while something in it is made."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _command(name: str, target: Path) -> Sequence[str]:
    build = ("test", "-c") if name.endswith(".test") else ("build",)
    return (*build, "-ldflags", f"-s -w {_version_flags()}", "-o", str(target), PACKAGES[name])


def _version_flags() -> str:
    """What upstream's release build puts into its programs, so that they say which release they are."""
    major, minor, _ = release().split(".", 2)
    values = {"gitVersion": f"v{release()}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    place = "k8s.io/component-base/version"
    return " ".join(f"-X {place}.{name}={value}" for name, value in values.items())


def _go(*arguments: str) -> str:
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(["go", *arguments], cwd=HERE, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout
