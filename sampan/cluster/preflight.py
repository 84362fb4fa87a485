"""What a node needs from the machine, checked before anything is started.

`missing` decides, `install` acts. Called by `sampan up`; a control plane alone needs none of it.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

CNI_DIR = Path("/usr/lib/cni")

# Debian package -> whether this machine already has what we use of it
NEEDS: dict[str, Callable[[], bool]] = {
    "containerd": lambda: _command("containerd") and _command("ctr"),
    "runc": lambda: _command("runc"),
    "containernetworking-plugins": lambda: (CNI_DIR / "host-local").exists(),
    "nftables": lambda: _command("nft"),
    "iproute2": lambda: _command("ip"),
}


class PreflightError(Exception):
    """Why a cluster can't start here, with the command that mends it."""


# Debian's kubectl: no need of a node's, but who installs for the first time will want one
KUBECTL_PACKAGE = "kubernetes-client"


def missing() -> list[str]:
    """The Debian packages that a node needs and this machine lacks."""
    return [package for package, present in NEEDS.items() if not present()]


def check(*, install_missing: bool, say: Callable[[str], None]) -> None:
    """Raise PreflightError unless a node can run here; with `install_missing`, install what lacks first."""
    if os.geteuid() != 0:
        raise PreflightError(
            "a node needs root: it makes network interfaces, mounts and cgroups.\n"
            "Run it as root, or without a node:\n    sampan up --control-plane-only\n"
            "or with nodes that run nothing:\n    sampan up --simulate-nodes 3"
        )
    packages = missing()
    wanted = packages if _command("kubectl") else [*packages, KUBECTL_PACKAGE]
    if wanted and install_missing:
        say(f"installing {' '.join(wanted)}")
        install(wanted)
        packages = missing()
    if packages:
        raise PreflightError(
            f"this machine lacks {', '.join(packages)}. Install with\n"
            f"    apt-get install -y {' '.join(packages)}\nor let sampan do it:\n    sampan up --install"
        )


def install(packages: Sequence[str]) -> None:
    """Install Debian packages; raises PreflightError with apt's own words where that fails."""
    if not _command("apt-get"):
        raise PreflightError("apt-get is not here; install by hand: " + " ".join(packages))
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # Debian starts a service as it is installed; policy-rc.d would be the machine's, so ask for no start by RUNLEVEL.
    environment["RUNLEVEL"] = "1"
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PreflightError(f"{' '.join(command)} failed:\n{done.stderr.strip() or done.stdout.strip()}")


def _command(name: str) -> bool:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None
