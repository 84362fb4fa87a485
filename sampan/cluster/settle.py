"""What a cluster is to be: its configuration from what the user asked for, what exists, and what this machine has free.

Called by `sampan up`, before anything is started; the answer is in cluster.json from then on.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

from sampan.cluster import api_flags, process
from sampan.cluster.claims import Claimed, claim, claims, recall
from sampan.cluster.config import (
    DRAFT,
    FIRST_API_PORT,
    FIRST_DNS_PORT,
    FIRST_KUBELET_PORT,
    FIRST_REGISTRY_PORT,
    ClusterConfig,
    ConfigError,
    all_clusters,
    bindable,
    free_port,
    home,
    load,
)
from sampan.cluster.further import NodesError, planned
from sampan.cluster.lifecycle import LifecycleError, kubeconfig_path
from sampan.cluster.network import node_address
from sampan.cluster.ranges import host_networks, pick_ranges
from sampan.cluster.start_errors import explain
from sampan.cluster.wishes import Wishes


def settle(wishes: Wishes) -> ClusterConfig:
    """The configuration of a new cluster, or of the one that has this name; raises LifecycleError.

    The API port and the address ranges of an existing cluster stay: its objects and kubeconfigs carry them.
    """
    try:
        with _alone_in(home()):
            config = _settled(wishes)
            config.save()
            _link(config)
    except Claimed as taken:
        raise LifecycleError(
            f"{taken}. Choose another name:\n    sampan up --name NAME\n"
            f"or take that one down first:\n    {_down(taken.by)}"
        ) from None
    except ConfigError as error:
        raise LifecycleError(str(error)) from None
    except OSError as error:
        where = wishes.state_dir or str(home())
        raise LifecycleError(
            f"{explain(error, where)}\nClusters are kept in {where}; or choose another directory:\n"
            f"    SAMPAN_HOME=DIRECTORY sampan up --name {wishes.name}"
        ) from None
    return config


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """No two clusters are settled at the same time: they would pick the same ports and ranges."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _settled(wishes: Wishes) -> ClusterConfig:
    directory = Path(wishes.state_dir).absolute() if wishes.state_dir else home() / wishes.name
    existing = recall(directory)
    config = _new(wishes, directory) if existing is None else _again(wishes, existing)
    _check_listen(config.listen)
    _check_flags(config, is_new=existing is None)
    file = str(kubeconfig_path(config))
    config = config.with_changes(kubeconfigs=[*(name for name in config.kubeconfigs if name != file), file])
    if not config.control_plane_only:
        claim(config)
    return config


def _again(wishes: Wishes, existing: ClusterConfig) -> ClusterConfig:
    """An existing cluster with what may be changed; ports that nobody knows by heart give way to others' use."""
    if wishes.name != existing.name:
        raise LifecycleError(f"{existing.state} holds another cluster, {existing.name}. Choose another directory.")
    if wishes.api_port not in (None, existing.api_port):
        raise LifecycleError(
            f"cluster {existing.name} has API port {existing.api_port}; its certificates and kubeconfigs name it.\n"
            f"Delete it first:\n    sampan delete --name {existing.name}"
        )
    if wishes.simulate_nodes and not existing.control_plane_only:
        raise LifecycleError(
            f"cluster {existing.name} has a real node; simulated ones go with a control plane alone. Make another:\n"
            f"    sampan up --name NAME --simulate-nodes {wishes.simulate_nodes}"
        )
    nodes = _nodes(wishes, existing)
    config = existing.with_changes(
        nodes=nodes,
        control_plane_only=wishes.control_plane_only or existing.control_plane_only,
        listen=wishes.listen or existing.listen,
        kubeconfig=wishes.kubeconfig or existing.kubeconfig,
        legacy_discovery=wishes.legacy_discovery or existing.legacy_discovery,
        cluster_signing_duration=wishes.cluster_signing_duration or existing.cluster_signing_duration,
        **api_flags.kept(wishes, existing),
    )
    if process.server_pid(existing) is not None:
        return config
    _check_api_port(config.api_port)
    if not config.control_plane_only:  # which has no address on this machine
        _check_ranges(config)
    taken = _taken_ports(config.state)
    return config.with_changes(
        kubelet_port=free_port(config.kubelet_port, taken),
        dns_port=free_port(config.dns_port, taken),
        registry_port=free_port(config.registry_port, taken),
    )


def _new(wishes: Wishes, directory: Path) -> ClusterConfig:
    _check_room(wishes.name, directory)
    if wishes.api_port is not None:
        _check_api_port(wishes.api_port)
    ranges = pick_ranges(_taken_ranges([*all_clusters(), *claims()]))
    ports = _taken_ports(str(directory))
    return ClusterConfig(
        name=wishes.name,
        state=str(directory),
        api_port=wishes.api_port or free_port(FIRST_API_PORT, ports),
        kubelet_port=free_port(FIRST_KUBELET_PORT, ports),
        dns_port=free_port(FIRST_DNS_PORT, ports),
        registry_port=free_port(FIRST_REGISTRY_PORT, ports),
        node_ip=node_address() or str(next(IPv4Network(ranges.pod_cidr).hosts())),
        pod_cidr=ranges.pod_cidr,
        service_cidr=ranges.service_cidr,
        dns_ip=ranges.dns_ip,
        lb_pool=ranges.lb_pool,
        nodes=_nodes(wishes, None),
        listen=wishes.listen,
        control_plane_only=wishes.control_plane_only or wishes.simulate_nodes is not None,
        kubeconfig=wishes.kubeconfig,
        legacy_discovery=wishes.legacy_discovery or "auto",
        cluster_signing_duration=wishes.cluster_signing_duration or "8760h",
        **api_flags.kept(wishes),
    )


def _nodes(wishes: Wishes, existing: ClusterConfig | None) -> dict[str, int]:
    """The further nodes that the cluster is to have."""
    alone = (
        wishes.control_plane_only or wishes.simulate_nodes is not None or bool(existing and existing.control_plane_only)
    )
    if wishes.nodes is not None and alone:
        raise LifecycleError("--nodes asks for real nodes: they go neither with simulated ones nor with none")
    before = existing.nodes if existing else {}
    try:
        nodes = planned(wishes.name, before, wishes.nodes)
    except NodesError as error:
        raise LifecycleError(str(error)) from None
    if existing and nodes != before and process.server_pid(existing) is not None:
        raise LifecycleError(
            f"cluster {existing.name} runs with {1 + len(before)} nodes. Add others one by one:\n"
            f"    sampan node add NODE --name {existing.name}"
        )
    return nodes


def _check_room(name: str, directory: Path) -> None:
    """`sampan delete` removes the state directory with all that is in it, so nothing of the user's may be there."""
    there = {entry.name for entry in directory.iterdir()} if directory.exists() else set()
    if {"store.db", "pki"} & there:
        raise LifecycleError(
            f"{directory}/cluster.json is missing, and the rest of a cluster is there. Put back a copy of it, or "
            f"remove the cluster with all its objects:\n    rm -r {directory}"
        )
    if there - {"command.lock", DRAFT}:
        raise LifecycleError(
            f"{directory} is not empty, and holds no cluster. Name a directory that is new or empty:\n"
            f"    sampan up --name {name} --state-dir DIRECTORY"
        )
    other = load(home() / name)
    if other is not None:
        raise LifecycleError(f"there is a cluster {name} already, kept in {other.state}. Choose another name.")


def _check_api_port(port: int) -> None:
    if not bindable(port):
        raise LifecycleError(
            f"port {port}, where the API is to be served, is in use by another process. See which, and end it:\n"
            f"    ss -ltnp sport = :{port}\n"
            "A new cluster can take another port:\n    sampan up --name NAME --api-port PORT"
        )


def _check_listen(address: str) -> None:
    if address and not bindable(0, address):
        raise LifecycleError(
            f"--listen {address}: this machine has no such address. It has these:\n    ip -brief address\n"
            "Without --listen the API is served on loopback and the node's address."
        )


def _check_flags(config: ClusterConfig, *, is_new: bool) -> None:
    try:
        api_flags.check(config)
    except api_flags.FlagError as error:
        raise LifecycleError(f"{error}{'' if is_new else api_flags.way_out(config, str(error))}") from None


def _check_ranges(config: ClusterConfig) -> None:
    """A cluster from another home directory may have taken our addresses while we were down."""
    ours = [IPv4Network(cidr) for cidr in (config.pod_cidr, config.service_cidr, config.lb_pool)]
    for other in claims():
        theirs = [IPv4Network(cidr) for cidr in (other.pod_cidr, other.service_cidr, other.lb_pool)]
        if other.state != config.state and any(a.overlaps(b) for a in ours for b in theirs):
            raise LifecycleError(
                f"cluster {other.name}, kept in {other.state}, uses the addresses of {config.name}.\n"
                f"Take it down first:\n    {_down(other)}"
            )


def _down(config: ClusterConfig) -> str:
    return f"SAMPAN_HOME={config.directory.parent} sampan down --name {config.name}"


def _taken_ports(state: str) -> set[int]:
    """The ports of all clusters but the one of this state directory."""
    others = [other for other in (*all_clusters(), *claims()) if other.state != state]
    return {p for o in others for p in (o.api_port, o.kubelet_port, o.dns_port, o.registry_port)}


def _link(config: ClusterConfig) -> None:
    """A cluster that is kept elsewhere is found by its name all the same."""
    link = home() / config.name
    if config.directory != link and not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(config.directory)


def _taken_ranges(others: Sequence[ClusterConfig]) -> list[str]:
    """The ranges of other clusters and of the networks that this machine routes to."""
    taken = [cidr for other in others for cidr in (other.pod_cidr, other.service_cidr, other.lb_pool)]
    if ip := shutil.which("ip"):
        routes = subprocess.run([ip, "-json", "-4", "route"], capture_output=True, text=True, check=True)
        taken += host_networks(routes.stdout)
    return taken
