"""What several subcommands share: the --name flag, finding the cluster, saying what is wrong."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from sampan.cluster.claims import forgotten, recall
from sampan.cluster.config import ClusterConfig, all_clusters, home

DEFAULT = "sampan"


def add_name(command: argparse.ArgumentParser) -> None:
    """The flag that names a cluster, for commands that make or end one."""
    command.add_argument("--name", default=DEFAULT, help=f"the cluster's name (default: {DEFAULT})")


def add_chosen_name(command: argparse.ArgumentParser) -> None:
    """The flag that chooses a cluster, for commands that work with one."""
    command.add_argument("--name", default="", help="the cluster's name (default: your kubectl's, or the only one)")


def chosen_name() -> str:
    """The cluster that is meant where none is named: the only one, else that of kubectl's current context."""
    names = [config.name for config in known()]
    if len(names) == 1:
        return names[0]
    from sampan.client.kubeconfig import current_context

    context = current_context() if names else ""
    return context if context in names else DEFAULT


def find(name: str, instead: str = "") -> ClusterConfig | None:
    """The named cluster ("": see chosen_name), or None after saying that there is none, which there are, and what to do
    `instead` of what was asked (by default: make it)."""
    name = name or chosen_name()
    found = recall(home() / name) if name == Path(name).name else None
    if found is None:
        found = next((config for config in known() if config.name == name), None)
    if found is None:
        others = ", ".join(config.name for config in known())
        flag = "" if name == DEFAULT else f" --name {name}"
        instead = instead or f"Make it:\n    sampan up{flag}"
        complain(f"there is no cluster {name}{f' (there is: {others})' if others else ''}. {instead}")
    return found


def known() -> list[ClusterConfig]:
    """Every cluster of this user, and those on this machine whose state directories were lost."""
    found = {config.state: config for config in (*all_clusters(), *forgotten())}
    return list(found.values())


def end_cluster(
    name: str, verb: str, work: Callable[[ClusterConfig, Callable[[str], None]], None]
) -> ClusterConfig | None:
    """Do `work` (lifecycle.down or delete) on the named cluster, alone; None after saying what kept it from that."""
    from sampan.cluster import lifecycle
    from sampan.cluster.start_errors import explain

    config = find(name, f"There is nothing to {verb}.")
    if config is None:
        return None
    try:
        with lifecycle.exclusive(config):
            work(config, lambda text: print(f"  {text}", flush=True))
    except lifecycle.LifecycleError as error:
        complain(str(error))
        return None
    except OSError as error:
        complain(explain(error, config.state))
        return None
    return config


def complain(text: str) -> int:
    """Print an error; return the exit status of a failed command."""
    print(f"sampan: {text}", file=sys.stderr)
    return 1


def truth(word: str) -> bool:
    """The value of a flag that is true or false; raises argparse.ArgumentTypeError."""
    if word not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{word!r} is neither true nor false")
    return word == "true"
