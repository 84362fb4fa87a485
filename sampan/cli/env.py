"""`sampan env`: shell commands that point a shell at a cluster.

    eval "$(sampan env)"          sh, bash, zsh
    sampan env | source           fish

KUBECONFIG becomes the cluster's own file, and a folder with `kubectl` in it comes first in PATH.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from sampan.cli.common import add_chosen_name, complain, find
from sampan.cli.kubectl import NO_KUBECTL
from sampan.cli.real_kubectl import find_kubectl


def register(subparsers: Any) -> None:
    """Add the command and its flags."""
    command: argparse.ArgumentParser = subparsers.add_parser(
        "env", help='print what points a shell at a cluster: eval "$(sampan env)"'
    )
    add_chosen_name(command)
    command.add_argument("--shell", choices=("sh", "fish"), help="default: by $SHELL")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the commands."""
    config = find(arguments.name)
    if config is None:
        return 1
    shell = arguments.shell or ("fish" if os.environ.get("SHELL", "").endswith("/fish") else "sh")
    folder = config.directory / "bin"
    try:
        there = _offer_kubectl(folder)
    except OSError as error:
        return complain(str(error))
    if not there:
        print(f"sampan: {NO_KUBECTL}", file=sys.stderr)
    kubeconfig = config.directory / "kubeconfig"
    print(commands(shell, str(kubeconfig), str(folder) if there else "", os.environ.get("PATH", "")), end="")
    return 0


def commands(shell: str, kubeconfig: str, folder: str, path: str) -> str:
    """The commands for a shell; `folder` (none if "") comes first in PATH, once, however often this is evaluated."""
    setting = "set -gx {0} {1};\n" if shell == "fish" else "export {0}={1}\n"
    lines = setting.format("KUBECONFIG", shlex.quote(kubeconfig))
    if folder:
        folders = [folder, *(part for part in path.split(os.pathsep) if part and part != folder)]
        quoted = [shlex.quote(part) for part in folders]
        lines += setting.format("PATH", " ".join(quoted) if shell == "fish" else os.pathsep.join(quoted))
    return lines


def _offer_kubectl(folder: Path) -> bool:
    """Link the newest kubectl into the folder; False if there is none."""
    others = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(part) != folder]
    binary = find_kubectl(os.pathsep.join(others))
    if binary is None:
        return False
    link, draft = folder / "kubectl", folder / "kubectl.new"
    if not (link.is_symlink() and link.readlink() == binary):
        folder.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        draft.symlink_to(binary)
        draft.replace(link)
    return True
