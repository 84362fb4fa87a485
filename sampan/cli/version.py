"""`sampan version`: ours, and that of Kubernetes which is served."""

import argparse
import json
import platform
from typing import Any

from sampan import KUBERNETES_VERSION, __version__


def register(subparsers: Any) -> None:
    """Add the command and its flags."""
    command: argparse.ArgumentParser = subparsers.add_parser("version", help="print versions")
    command.add_argument("-o", "--output", choices=("text", "json"), default="text")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    versions = {"sampan": __version__, "kubernetes": KUBERNETES_VERSION, "python": platform.python_version()}
    if arguments.output == "json":
        print(json.dumps(versions))
    else:
        print(f"sampan {__version__}\nKubernetes {KUBERNETES_VERSION}\nPython {platform.python_version()}")
    return 0
