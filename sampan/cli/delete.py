"""`sampan delete`: take the cluster down and forget it."""

import argparse
from typing import Any

from sampan.cli.common import add_name, end_cluster


def register(subparsers: Any) -> None:
    """Add the command and its flags."""
    command: argparse.ArgumentParser = subparsers.add_parser("delete", help="delete a cluster with all its objects")
    add_name(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Delete the cluster."""
    from sampan.cluster import lifecycle

    config = end_cluster(arguments.name, "delete", lifecycle.delete)
    if config is None:
        return 1
    print(f"Cluster {config.name} is deleted.")
    return 0
