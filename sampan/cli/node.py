"""`sampan node add|stop|start|remove NAME`: the nodes of a running cluster beside its first one."""

import argparse
from collections.abc import Callable
from typing import Any

from sampan.cli.common import add_chosen_name, complain, find
from sampan.cluster.config import ClusterConfig

_DOES = {
    "add": "bring up another node",
    "stop": "take a node's power: its containers are gone, its Node stays",
    "start": "bring a stopped node back",
    "remove": "remove a node and its Node",
}


def register(subparsers: Any) -> None:
    """Add the command and its flags."""
    command: argparse.ArgumentParser = subparsers.add_parser("node", help="add, stop, start and remove nodes")
    verbs = command.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for verb, does in _DOES.items():
        one = verbs.add_parser(verb, help=does)
        one.add_argument("node", metavar="NODE")
        add_chosen_name(one)
        one.set_defaults(run=run, verb=verb)


def run(arguments: argparse.Namespace) -> int:
    """Change the nodes of a cluster, and wait until it is so."""
    from sampan.cluster import lifecycle
    from sampan.cluster.config import load
    from sampan.cluster.further import NodesError
    from sampan.cluster.process import server_pid

    config = find(arguments.name)
    if config is None:
        return 1
    if config.control_plane_only:
        return complain(f"cluster {config.name} has no real node, and others come only beside one")
    if server_pid(config) is None:
        return complain(f"cluster {config.name} does not run. Bring it up first:\n    sampan up --name {config.name}")
    try:
        with lifecycle.exclusive(config):
            config = load(config.directory) or config
            return _change(config, arguments.verb, arguments.node)
    except (lifecycle.LifecycleError, NodesError) as error:
        return complain(str(error))


def _change(config: ClusterConfig, verb: str, name: str) -> int:
    from sampan.cluster import node_changes as changes

    if verb in ("add", "start"):
        _save((changes.added if verb == "add" else changes.started)(config, name))
        return _until(lambda: _is_ready(config, name), f"node {name} Ready", config)
    node = changes.node_of(config, name)
    _save(changes.stopped(config, name))
    status = _until(lambda: changes.is_gone(node), f"node {name} stopped", config)
    if verb == "stop" or status:
        return status
    _save(changes.removed(config, name))
    return _until(lambda: name not in _names(config), f"node {name} removed", config)


def _save(config: ClusterConfig) -> None:
    """For the server, and for whoever takes down a cluster whose state directory is lost."""
    from sampan.cluster.claims import claim

    config.save()
    claim(config)


def _until(done: Callable[[], bool], what: str, config: ClusterConfig) -> int:
    from sampan.cluster.node_changes import PATIENCE, wait

    if wait(done):
        print(what)
        return 0
    return complain(f"not within {PATIENCE:.0f} s: {what}. See\n    sampan logs --name {config.name}")


def _is_ready(config: ClusterConfig, name: str) -> bool:
    from sampan.cli.status import state_of
    from sampan.cluster.config import load
    from sampan.cluster.node_changes import node_of

    is_up = node_of(load(config.directory) or config, name).ready_file.exists()
    return is_up and any(node["name"] == name and node["ready"] for node in state_of(config)["nodes"])


def _names(config: ClusterConfig) -> set[str]:
    from sampan.cli.status import state_of

    state = state_of(config)
    return {node["name"] for node in state["nodes"]} if not state["problem"] else set(config.nodes)
