"""`sampan down`: stop the cluster and remove all that it made on this machine; its objects are kept."""

import argparse
from typing import Any

from sampan.cli.common import add_name, end_cluster


def register(subparsers: Any) -> None:
    """Add the command and its flags."""
    command: argparse.ArgumentParser = subparsers.add_parser("down", help="stop a cluster; its objects are kept")
    add_name(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Take the cluster down."""
    from sampan.cluster import lifecycle

    config = end_cluster(arguments.name, "take down", lifecycle.down)
    if config is None:
        return 1
    print(f"Cluster {config.name} is down; its objects are kept in {config.state}.")
    return 0
