"""What several subcommands share: the --name flag, finding the cluster, saying what is wrong."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from sampan.cluster.claims import forgotten, recall
from sampan.cluster.config import ClusterConfig, all_clusters, home


def add_name(command: argparse.ArgumentParser) -> None:
    """The flag that chooses a cluster."""
    command.add_argument("--name", default="sampan", help="the cluster's name (default: sampan)")


def find(name: str) -> ClusterConfig | None:
    """The named cluster, or None after saying that there is none, and which there are."""
    found = recall(home() / name) if name == Path(name).name else None
    if found is None:
        found = next((config for config in known() if config.name == name), None)
    if found is None:
        others = ", ".join(config.name for config in known())
        flag = "" if name == "sampan" else f" --name {name}"
        complain(
            f"there is no cluster {name}{f' (there is: {others})' if others else ''}. Make it:\n    sampan up{flag}"
        )
    return found


def known() -> list[ClusterConfig]:
    """Every cluster of this user, and those on this machine whose state directories were lost."""
    found = {config.state: config for config in (*all_clusters(), *forgotten())}
    return list(found.values())


def end_cluster(name: str, work: Callable[[ClusterConfig, Callable[[str], None]], None]) -> ClusterConfig | None:
    """Do `work` (lifecycle.down or delete) on the named cluster, alone; None after saying what kept it from that."""
    from sampan.cluster import lifecycle

    config = find(name)
    if config is None:
        return None
    try:
        with lifecycle.exclusive(config):
            work(config, lambda text: print(f"  {text}", flush=True))
    except (lifecycle.LifecycleError, OSError) as error:
        complain(str(error))
        return None
    return config


def complain(text: str) -> int:
    """Print an error; return the exit status of a failed command."""
    print(f"sampan: {text}", file=sys.stderr)
    return 1
