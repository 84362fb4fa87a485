"""This machine's node: which network and which containerd a cluster has, and how both are taken away.

The server process uses the same values to start what `tear_down`, run by a command, removes.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from sampan.cluster.config import ClusterConfig
from sampan.cluster.containerd import Containerd, ContainerdOptions
from sampan.cluster.further import FurtherNode, further_nodes
from sampan.cluster.namespace import disconnect
from sampan.cluster.network import Network, NetworkConfig
from sampan.cluster.node_supervisor import end
from sampan.cluster.registry import registry_hosts
from sampan.kubelet import cgroups
from sampan.kubelet.mounting import unmount_below


def network_of(config: ClusterConfig) -> Network:
    """The node's network, neither up nor down."""
    return Network(
        NetworkConfig(
            name=config.name,
            state=config.directory / "network",
            pod_cidr=config.pod_cidr,
            node_pod_cidr=config.node_pod_cidr,
            service_cidr=config.service_cidr,
            lb_pool=config.lb_pool,
        )
    )


def containerd_of(config: ClusterConfig) -> Containerd:
    """The node's containerd, not yet running. It asks the cluster's own registry before any other."""
    options = ContainerdOptions(
        cni_conf_dir=network_of(config).config.cni_conf_dir, registry_dir=config.directory / "registries"
    )
    return Containerd(config.directory, options)


def node_port_addresses(config: ClusterConfig) -> tuple[str, ...]:
    """Where NodePorts are served: the machine's address, and the node's own, which no other cluster can have taken.

    Of clusters side by side that serve the same NodePort only one gets it on the machine's address.
    """
    return tuple(dict.fromkeys((config.node_ip, config.gateway)))


def kubelet_directory(config: ClusterConfig) -> Path:
    """Where the kubelet keeps volumes and logs."""
    return config.directory / "kubelet"


def cgroup_root(config: ClusterConfig) -> str:
    """The cgroup above all of the cluster's pods, in every hierarchy."""
    return f"/sampan-{config.name}"


def write_hosts(state: Path, registry_port: int) -> None:
    """Point a node's containerd at the cluster's own registry first, whatever registry an image names."""
    directory = state / "registries" / "_default"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "hosts.toml").write_text(registry_hosts(registry_port))


def further_network(node: FurtherNode) -> Network:
    """A further node's network, as it is inside of its namespace: what it does not know is its machine's to route."""
    cluster = node.cluster
    return Network(
        NetworkConfig(
            name=node.unique,
            state=node.directory / "network",
            pod_cidr=node.pod_cidr,
            node_pod_cidr=node.pod_cidr,
            service_cidr=cluster.service_cidr,
            lb_pool=cluster.lb_pool,
            run_dir=node.directory / "run",  # the namespace is nobody else's
        )
    )


def further_containerd(node: FurtherNode) -> Containerd:
    """A further node's containerd, not yet running."""
    options = ContainerdOptions(
        cni_conf_dir=further_network(node).config.cni_conf_dir, registry_dir=node.directory / "registries"
    )
    return Containerd(node.directory, options)


def further_kubelet_directory(node: FurtherNode) -> Path:
    """Where a further node's kubelet keeps volumes and logs."""
    return node.directory / "kubelet"


def tear_down(config: ClusterConfig, say: Callable[[str], None]) -> None:
    """Remove containers, mounts, interfaces, routes and rules. The server must have ended; may be called twice."""
    asyncio.run(_tear_down(config, say))


async def _tear_down(config: ClusterConfig, say: Callable[[str], None]) -> None:
    for node in further_nodes(config):
        await tear_down_further(node, say)
    await containerd_of(config).stop_everything(say)
    unmount_below(kubelet_directory(config))
    cgroups.remove(cgroup_root(config))
    await network_of(config).down()


async def tear_down_further(node: FurtherNode, say: Callable[[str], None]) -> None:
    """Remove all that a further node has on this machine but its directory. Raises NetworkError, OSError."""
    await end(node)
    node.ready_file.unlink(missing_ok=True)
    await further_containerd(node).stop_everything(say)
    unmount_below(further_kubelet_directory(node))
    cgroups.remove(node.cgroup_root)
    await disconnect(node)  # with all that its network had
    further_network(node).forget()
