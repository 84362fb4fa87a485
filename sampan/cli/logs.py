"""`sampan logs`: what the cluster's server, or its containerd, has written."""

import argparse
import os
import sys
from typing import Any

from sampan.cli.common import add_chosen_name, complain, find

_FILES = {"server": "server.log", "containerd": "containerd/containerd.log"}


def register(subparsers: Any) -> None:
    """Add the command and its flags."""
    command: argparse.ArgumentParser = subparsers.add_parser("logs", help="print the log of the cluster's server")
    add_chosen_name(command)
    command.add_argument("component", nargs="?", choices=sorted(_FILES), default="server", help="default: server")
    command.add_argument("-f", "--follow", action="store_true", help="go on with what is written from now on")
    command.add_argument("--tail", type=int, metavar="LINES", help="only the last lines (default: all)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Become tail(1), which copes with rotation, closed pipes and Ctrl-C."""
    config = find(arguments.name)
    if config is None:
        return 1
    file = config.directory / _FILES[arguments.component]
    if not file.exists():
        return complain(f"{arguments.component} of cluster {config.name} has written nothing yet")
    lines = "+1" if arguments.tail is None else str(max(0, arguments.tail))
    follow = ["-F"] if arguments.follow else []
    sys.stdout.flush()
    try:
        os.execvp("tail", ["tail", "-n", lines, *follow, "--", str(file)])
    except OSError as error:
        return complain(f"tail: {error.strerror}")
