"""The parts of the first node and how they are wired, beside components.py: network, containerd, kubelet, proxy, DNS.

`serving.py` loads this file only where there is a node.
"""

import asyncio
from functools import partial

from sampan.apiserver.authentication.user import authenticated
from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.cluster.components import Cluster, Report, Task
from sampan.cluster.config import ClusterConfig
from sampan.cluster.fleet import Fleet
from sampan.cluster.further import running_nodes
from sampan.cluster.key_material import PROXY_USER
from sampan.cluster.log_files import keep_bounded
from sampan.cluster.manifests import meter_roles, proxy_role
from sampan.cluster.network_watch import keep_up
from sampan.cluster.node import (
    cgroup_root,
    containerd_of,
    kubelet_directory,
    network_of,
    node_port_addresses,
    write_hosts,
)
from sampan.cluster.node_role import mark_control_plane
from sampan.cluster.pki import PKI
from sampan.cluster.registry import serve_registry
from sampan.dns.config import DNSConfig
from sampan.dns.objects import ACCOUNT as DNS_ACCOUNT
from sampan.dns.objects import dns_objects
from sampan.dns.server import DNSServer
from sampan.kinds.core.node import KIND as NODE
from sampan.kubelet.app import Kubelet
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.provisioning.objects import ACCOUNT as PROVISIONER_ACCOUNT
from sampan.kubelet.provisioning.objects import provisioner_objects
from sampan.kubelet.provisioning.provisioner import provision
from sampan.machinery.meta import Object
from sampan.metrics.app import Meter
from sampan.proxy.config import ProxyConfig
from sampan.proxy.proxy import Proxy

METER_USER = "system:sampan-metrics"


async def network(config: ClusterConfig, report: Report) -> None:
    """Bring the node's addresses up. First of all: on a machine without a network the API server listens on one."""
    await network_of(config).up()
    report("network")


async def tasks(cluster: Cluster, report: Report) -> list[Task]:
    """containerd brought up; then the images' registry, kubelet, proxy and DNS to run."""
    config, clock = cluster.config, cluster.clock
    write_hosts(config.directory, config.registry_port)
    containerd = containerd_of(config)
    await containerd.ensure_running()
    report("containerd")
    kubelet = Kubelet(_node_client(cluster), _kubelet_config(cluster, str(containerd.socket)), clock)
    cluster.on_renewal.append(partial(_renew_kubelet, kubelet, cluster.pki))
    proxy = Proxy(cluster.client(authenticated(PROXY_USER)), _proxy_config(cluster), clock)
    provisioner = cluster.account_client(PROVISIONER_ACCOUNT)
    dns = DNSServer(cluster.account_client(DNS_ACCOUNT), _dns_config(config), clock)
    cluster.api.services.usage = meter = Meter(cluster.client(authenticated(METER_USER)), clock)
    return [
        ("network", partial(keep_up, network_of(config))),
        ("containerd", containerd.supervise),
        ("log of containerd", partial(keep_bounded, containerd.log_file, clock)),
        ("node role", partial(mark_control_plane, cluster.api.local_client(), cluster.node_name, clock.sleep)),
        ("image registry", partial(serve_registry, config.directory / "images", config.registry_port)),
        ("kubelet", partial(kubelet.run, cluster.ready("kubelet").set)),
        ("proxy", partial(proxy.run, cluster.ready("proxy").set)),
        ("DNS", partial(dns.run, cluster.ready("DNS").set)),
        ("provisioner", partial(provision, provisioner, clock, cluster.node_name, config.directory / "volumes")),
        ("metrics", meter.run),
        ("further nodes", Fleet(cluster).run),
    ]


def _node_client(cluster: Cluster) -> Client:
    return cluster.client(authenticated(f"system:node:{cluster.node_name}", ("system:nodes",)))


def _kubelet_config(cluster: Cluster, cri_socket: str) -> KubeletConfig:
    config, serving = cluster.config, cluster.pki.pair("kubelet")
    return KubeletConfig(
        node_name=cluster.node_name,
        node_ip=config.node_ip,
        pod_cidr=config.node_pod_cidr,
        root_dir=kubelet_directory(config),
        cri_socket=cri_socket,
        cluster_dns=(config.dns_ip,),
        cluster_domain=config.domain,
        port=config.kubelet_port,
        listen=config.node_ip,
        tls_certificate=serving.certificate,
        tls_key=serving.key,
        client_ca=cluster.pki.read("ca.crt"),
        cgroup_root=cgroup_root(config),
    )


def _renew_kubelet(kubelet: Kubelet, pki: PKI) -> None:
    serving = pki.pair("kubelet")
    kubelet.server.renew(serving.certificate, serving.key, pki.read("ca.crt"))


def _proxy_config(cluster: Cluster) -> ProxyConfig:
    config = cluster.config
    return ProxyConfig(
        table=network_of(config).config.table,
        node_name=cluster.node_name,
        node_ips=node_port_addresses(config),
        pod_cidr=config.pod_cidr,
        service_cidr=config.service_cidr,
        lb_pool=config.lb_pool,
    )


def _dns_config(config: ClusterConfig) -> DNSConfig:
    """It listens on pods' gateway: reached from pods and this machine, but not from its network, which needs none."""
    return DNSConfig(
        listen=((config.gateway, config.dns_port),),
        service_cidr=config.service_cidr,
        pod_cidr=config.pod_cidr,
        dns_ip=config.dns_ip,
        domain=config.domain,
    )


def objects(config: ClusterConfig) -> list[Object]:
    """What the node's components need in the API."""
    dns = dns_objects(config.dns_ip, config.gateway, config.dns_port, config.name)
    return [*proxy_role(PROXY_USER), *meter_roles(METER_USER), *dns, *provisioner_objects()]


async def wait_ready(cluster: Cluster, report: Report) -> None:
    """Wait for the Ready condition of each node, and report it."""
    waiting, ready = {cluster.node_name, *running_nodes(cluster.config)}, asyncio.Event()

    def look(old: Object | None, new: Object | None) -> None:
        conditions = (new or {}).get("status", {}).get("conditions") or ()
        is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        if new and is_ready and (name := new["metadata"]["name"]) in waiting:
            waiting.remove(name)
            report(f"node {name} Ready")
        if not waiting:
            ready.set()

    informers = Informers(cluster.api.local_client(), sleep=cluster.clock.sleep)
    informer = informers.of(NODE)
    informer.on_change(look)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(informer.run())
        await ready.wait()
        following.cancel()
