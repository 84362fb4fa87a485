"""A cluster's life as `sampan` commands see it: settle its configuration, bring it up, take it down, delete it.

Everything here runs in the command's own process; what runs the cluster is server.py. Taking down never needs the
server: it works the same after a kill -9.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from sampan.client.kubeconfig import KubeconfigError, default_write_path, merge_cluster, remove_cluster
from sampan.cluster import process
from sampan.cluster.config import (
    FIRST_API_PORT,
    FIRST_DNS_PORT,
    FIRST_KUBELET_PORT,
    FIRST_REGISTRY_PORT,
    ClusterConfig,
    all_clusters,
    free_port,
    home,
    load,
)

Say = Callable[[str], None]


class LifecycleError(Exception):
    """What is wrong, and the command that mends it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked of `sampan up`; empty or None leaves the choice to us."""

    name: str = "sampan"
    state_dir: str = ""
    kubeconfig: str = ""
    api_port: int | None = None
    listen: str = ""
    control_plane_only: bool = False


def settle(wishes: Wishes) -> ClusterConfig:
    """The configuration of a new cluster, or of the one that has this name; raises LifecycleError.

    Ports and address ranges of an existing cluster stay: its objects carry them.
    """
    directory = Path(wishes.state_dir).absolute() if wishes.state_dir else home() / wishes.name
    existing = load(directory)
    if existing is None:
        config = _new(wishes, directory)
    else:
        if wishes.api_port not in (None, existing.api_port):
            raise LifecycleError(
                f"cluster {existing.name} has API port {existing.api_port}; its certificates and kubeconfigs name it.\n"
                f"Delete it first:\n    sampan delete --name {existing.name}"
            )
        config = existing.with_changes(
            control_plane_only=wishes.control_plane_only or existing.control_plane_only,
            listen=wishes.listen or existing.listen,
            kubeconfig=wishes.kubeconfig or existing.kubeconfig,
        )
    config.save()
    return config


def _new(wishes: Wishes, directory: Path) -> ClusterConfig:
    from sampan.cluster.network import node_address  # not at the top: `sampan status` has no use for it
    from sampan.cluster.ranges import pick_ranges

    others = list(all_clusters())
    ranges = pick_ranges(_taken_ranges(others))
    ports = {p for o in others for p in (o.api_port, o.kubelet_port, o.dns_port, o.registry_port)}
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
        listen=wishes.listen,
        control_plane_only=wishes.control_plane_only,
        kubeconfig=wishes.kubeconfig,
    )


def _taken_ranges(others: Sequence[ClusterConfig]) -> list[str]:
    """The ranges of other clusters and of the networks that this machine routes to."""
    from sampan.cluster.ranges import host_networks

    taken = [cidr for other in others for cidr in (other.pod_cidr, other.service_cidr, other.lb_pool)]
    if ip := shutil.which("ip"):
        routes = subprocess.run([ip, "-json", "-4", "route"], capture_output=True, text=True, check=True)
        taken += host_networks(routes.stdout)
    return taken


@contextmanager
def exclusive(config: ClusterConfig) -> Iterator[None]:
    """Hold the cluster against another `up`, `down` or `delete` at the same time; raises LifecycleError."""
    config.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(config.directory / "command.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise LifecycleError(f"another sampan command is working on cluster {config.name}; wait for it") from None
    finally:
        os.close(descriptor)


def start(config: ClusterConfig, report: Callable[[process.Progress], None]) -> bool:
    """Start the server unless it runs; return whether it was started. Raises LifecycleError."""
    if process.server_pid(config) is not None:
        return False
    try:
        for progress in process.start(config):
            report(progress)
    except process.StartError as error:
        raise LifecycleError(f"the server did not start:\n{error}\nIts log: {config.directory}/server.log") from None
    return True


def kubeconfig_path(config: ClusterConfig) -> Path:
    """The kubeconfig file that this cluster is merged into."""
    return Path(config.kubeconfig) if config.kubeconfig else default_write_path()


def write_kubeconfig(config: ClusterConfig) -> Path:
    """Merge the cluster into the user's kubeconfig and make it the current context; raises LifecycleError."""
    pki = config.directory / "pki"
    path = kubeconfig_path(config)
    parts = [(pki / file).read_bytes() for file in ("ca.crt", "admin.crt", "admin.key")]
    merge_cluster(config.directory / "kubeconfig", config.name, config.server_url, *parts)
    try:
        merge_cluster(path, config.name, config.server_url, *parts)
    except KubeconfigError as error:
        raise LifecycleError(
            f"cluster {config.name} runs, but is not in {path}:\n{error}\n"
            f"Use its own kubeconfig:\n    export KUBECONFIG={config.directory}/kubeconfig"
        ) from None
    return path


def down(config: ClusterConfig, say: Say) -> None:
    """Stop the server, the containers and all that was made on this machine. Objects stay in the state directory."""
    pid = process.server_pid(config)
    if pid is not None:
        say("stopping the server")
        if not process.stop(pid):
            say("the server did not stop in time and was killed; its store is safe")
    if not config.control_plane_only:
        from sampan.cluster.node import tear_down

        say("stopping containers, removing the network")
        tear_down(config)
    for name in ("server.pid", "server.start"):
        (config.directory / name).unlink(missing_ok=True)


def delete(config: ClusterConfig, say: Say) -> None:
    """down, then forget everything: the state directory and the kubeconfig entries."""
    down(config, say)
    remove_cluster(kubeconfig_path(config), config.name)
    shutil.rmtree(config.directory)
