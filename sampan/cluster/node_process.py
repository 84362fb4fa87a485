"""The process of one further node, in its network namespace: containerd, kubelet, proxy and the images' registry.

    python -m sampan.cluster.node_process STATE_DIRECTORY NODE

Started and kept running by node_supervisor.py. It is a client of the API over HTTPS with credentials of its own, and
ends when these change: the one that is started then has the new ones. A stop ends this process only; containers go on.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from sampan.client.api import Client
from sampan.client.https import HTTPSTransport
from sampan.client.kubeconfig import Access
from sampan.client.kubeconfig import load as load_access
from sampan.cluster import memory
from sampan.cluster.config import FIRST_KUBELET_PORT, FIRST_REGISTRY_PORT, ConfigError, load
from sampan.cluster.further import FurtherNode, further_nodes
from sampan.cluster.log_files import RotatingLog, keep_bounded, leads_to
from sampan.cluster.network_watch import keep_up
from sampan.cluster.node import further_containerd, further_kubelet_directory, further_network, write_hosts
from sampan.cluster.registry import serve_registry
from sampan.kubelet.app import Kubelet
from sampan.kubelet.config import KubeletConfig
from sampan.proxy.config import ProxyConfig
from sampan.proxy.proxy import Proxy
from sampan.reconcile.clock import Clock, SystemClock

log = logging.getLogger("sampan")

_INTERVAL = 60.0  # seconds between two looks at the credentials


def main() -> int:
    """The process's entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("node")
    arguments = parser.parse_args()
    node = _node(arguments.state, arguments.node)
    file = node.directory / "node.log"
    handler = RotatingLog(file) if leads_to(sys.stderr.fileno(), file) else logging.StreamHandler()
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=[handler])
    memory.configure()
    try:
        uvloop.run(run(node, SystemClock()))
    except Exception:
        log.exception("node %s failed", node.name)
        return 1
    return 0


def _node(state: Path, name: str) -> FurtherNode:
    config = load(state)
    found = next((node for node in further_nodes(config) if node.name == name), None) if config else None
    if found is None:
        raise ConfigError(f"{state} holds no cluster with a node {name}")
    return found


async def run(node: FurtherNode, clock: Clock) -> None:
    """Run the node until TERM or INT, or until its credentials change."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    network, containerd = further_network(node), further_containerd(node)
    await network.up()
    write_hosts(node.directory, FIRST_REGISTRY_PORT)
    await containerd.ensure_running()
    kubelet_access = _access(node, "kubelet")
    kubelet = Kubelet(_client(kubelet_access), kubelet_config(node, kubelet_access, str(containerd.socket)), clock)
    proxy = Proxy(_client(_access(node, "proxy")), proxy_config(node), clock)
    running: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
        ("network", partial(keep_up, network)),
        ("containerd", containerd.supervise),
        ("log of containerd", partial(keep_bounded, containerd.log_file, clock)),
        ("image registry", partial(serve_registry, node.cluster.directory / "images", FIRST_REGISTRY_PORT)),
        ("kubelet", partial(kubelet.run, node.ready_file.touch)),
        ("proxy", partial(proxy.run, lambda: log.info("proxy ready"))),
        ("credentials", partial(_until_renewed, node, kubelet_access, clock, stop)),
        ("memory", memory.give_back),
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(make(), name=name) for name, make in running]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _until_renewed(node: FurtherNode, access: Access, clock: Clock, renewed: asyncio.Event) -> None:
    """Look now and then whether the server has written other credentials."""
    while await asyncio.to_thread(_access, node, "kubelet") == access:
        await clock.sleep(_INTERVAL)
    log.info("there are new credentials; the node's process begins anew with them")
    renewed.set()


def _access(node: FurtherNode, component: str) -> Access:
    return load_access([node.directory / f"{component}.conf"])


def _client(access: Access) -> Client:
    return Client(HTTPSTransport(access))


def kubelet_config(node: FurtherNode, access: Access, cri_socket: str) -> KubeletConfig:
    """The ports are upstream's: nobody else is in the namespace."""
    return KubeletConfig(
        node_name=node.name,
        node_ip=node.address,
        pod_cidr=node.pod_cidr,
        root_dir=further_kubelet_directory(node),
        cri_socket=cri_socket,
        cluster_dns=(node.cluster.dns_ip,),
        cluster_domain=node.cluster.domain,
        port=FIRST_KUBELET_PORT,
        listen=node.address,
        tls_certificate=access.certificate,
        tls_key=access.key,
        client_ca=access.ca,
        cgroup_root=node.cgroup_root,
    )


def proxy_config(node: FurtherNode) -> ProxyConfig:
    """NodePorts answer on the node's address, and on its gateway for its own pods."""
    return ProxyConfig(
        table=further_network(node).config.table,
        node_name=node.name,
        node_ips=(node.address, node.gateway),
        pod_cidr=node.cluster.pod_cidr,
        service_cidr=node.cluster.service_cidr,
        lb_pool=node.cluster.lb_pool,
    )


if __name__ == "__main__":
    sys.exit(main())
