"""The parts of a running cluster and how they are wired: who gets which identity, address and key.

`server.py` runs what is made here. Every component is a client of the API server and is told nothing about the others.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network
from typing import Any

from sampan.apiserver.authentication.user import User, authenticated, service_account
from sampan.apiserver.discovery.views import LegacyDiscovery
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.cluster.admission import admission_of
from sampan.cluster.certificates import ensure_pki
from sampan.cluster.config import ClusterConfig
from sampan.cluster.manifests import ensure, proxy_role
from sampan.cluster.network_watch import keep_up
from sampan.cluster.node import (
    cgroup_root,
    containerd_of,
    kubelet_directory,
    network_of,
    node_pod_cidr,
    node_port_addresses,
    write_registry_hosts,
)
from sampan.cluster.registry import Registry
from sampan.controllers.app import run_controllers
from sampan.controllers.config import Config as ControllersConfig
from sampan.dns.config import DNSConfig
from sampan.dns.objects import dns_objects
from sampan.dns.server import DNSServer
from sampan.kinds.core.node import KIND as NODE
from sampan.kubelet.app import Kubelet
from sampan.kubelet.config import KubeletConfig
from sampan.machinery.meta import Object
from sampan.proxy.config import ProxyConfig
from sampan.proxy.proxy import Proxy
from sampan.reconcile.clock import Clock, SystemClock
from sampan.reconcile.upkeep import keep_restored
from sampan.scheduler.app import Scheduler
from sampan.storage import compactor
from sampan.storage.sqlite import SQLiteStore
from sampan.transport.server import HTTPServer

Report = Callable[[str], None]
Task = tuple[str, Callable[[], Coroutine[Any, Any, None]]]  # a name, and what makes the coroutine to run
PROXY_USER = "system:kube-proxy"


@dataclass(slots=True)
class Cluster:
    """A control plane that is up."""

    config: ClusterConfig
    api: APIServer
    store: SQLiteStore
    clock: Clock
    waiting: dict[str, asyncio.Event] = field(default_factory=dict)  # component -> set when it is ready

    @property
    def node_name(self) -> str:
        """The first node is called like its cluster, as minikube's and kind's are."""
        return self.config.name

    def client(self, user: User) -> Client:
        """An in-process client with this identity."""
        return self.api.local_client(user)

    def account_client(self, name: str) -> Client:
        """An in-process client of a ServiceAccount in kube-system."""
        return self.client(service_account("kube-system", name))

    def ready(self, component: str) -> asyncio.Event:
        """The event that a component sets when it is ready."""
        return self.waiting.setdefault(component, asyncio.Event())


@contextlib.asynccontextmanager
async def control_plane(config: ClusterConfig, report: Report) -> AsyncIterator[Cluster]:
    """Certificates, store and API server; closed in the opposite order."""
    pki = config.directory / "pki"
    first_service_ip = str(IPv4Network(config.service_cidr)[1])
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{config.domain}")
    hosts = dict.fromkeys(("localhost", "127.0.0.1", config.node_ip, first_service_ip, *names, *_listen(config)))
    hosts.pop("0.0.0.0", None)
    ensure_pki(pki, server_hosts=list(hosts), node_name=config.name, node_hosts=[config.name, config.node_ip])
    report("certificates")
    async with contextlib.AsyncExitStack() as stack:
        store = await SQLiteStore.open(config.directory / "store.db")
        stack.push_async_callback(store.close)
        api = APIServer(_api_config(config, store))
        await api.start()
        stack.push_async_callback(api.stop)
        report("API server")
        yield Cluster(config, api, store, SystemClock())


def _api_config(config: ClusterConfig, store: SQLiteStore) -> APIServerConfig:
    pem = {path.name: path.read_bytes() for path in (config.directory / "pki").iterdir()}
    return APIServerConfig(
        store=store,
        service_account_key=pem["sa.key"],
        certificate=pem["apiserver.crt"],
        key=pem["apiserver.key"],
        client_ca=pem["ca.crt"],
        requestheader_ca=pem["front-proxy-ca.crt"],
        front_proxy_certificate=pem["front-proxy-client.crt"],
        front_proxy_key=pem["front-proxy-client.key"],
        kubelet_client_certificate=pem["apiserver-kubelet-client.crt"],
        kubelet_client_key=pem["apiserver-kubelet-client.key"],
        kubelet_ca=pem["ca.crt"],
        hosts=_listen(config),
        port=config.api_port,
        advertise_address=_advertised(config),
        service_range=IPv4Network(config.service_cidr),
        issuer=f"https://kubernetes.default.svc.{config.domain}",
        legacy_discovery=LegacyDiscovery(config.legacy_discovery),
        admission=admission_of(config),
    )


def _listen(config: ClusterConfig) -> tuple[str, ...]:
    """Loopback and the node's address (pods reach that one); loopback alone where there is no node.

    Who chooses loopback wants the API closed to the network, not to pods: they get their gateway's address.
    """
    if config.control_plane_only:
        return (config.listen or "127.0.0.1",)
    first = config.listen or "127.0.0.1"
    if first == "127.0.0.1":
        return tuple(dict.fromkeys((first, _advertised(config))))
    return (first,)


def _advertised(config: ClusterConfig) -> str:
    """Where Service default/kubernetes leads: an address of _listen that pods can reach."""
    if config.listen == "127.0.0.1" and not config.control_plane_only:
        return network_of(config).config.gateway
    return config.node_ip if config.listen in ("", "0.0.0.0", "127.0.0.1") else config.listen


def control_plane_tasks(cluster: Cluster) -> list[Task]:
    """Controllers, scheduler, and the store's upkeep."""
    config, clock = cluster.config, cluster.clock
    root_ca = (config.directory / "pki" / "ca.crt").read_text()
    pool = () if config.control_plane_only else (config.lb_pool,)
    manager = cluster.client(authenticated("system:kube-controller-manager"))
    scheduler = Scheduler(cluster.client(authenticated("system:kube-scheduler")), clock)
    settings = ControllersConfig(root_ca=root_ca, load_balancer_pool=pool)
    ready, registry = cluster.ready("controllers"), cluster.api.config.metrics
    return [
        ("controllers", partial(run_controllers, manager, cluster.account_client, settings, clock, ready, registry)),
        ("scheduler", partial(scheduler.run, cluster.ready("scheduler"))),
        ("compactor", partial(compactor.run, cluster.store, clock)),
        ("storage", cluster.store.wait_failed),
    ]


async def node_network(config: ClusterConfig, report: Report) -> None:
    """Bring the node's addresses up. First of all: on a machine without a network the API server listens on one."""
    await network_of(config).up()
    report("network")


async def node_tasks(cluster: Cluster, report: Report) -> list[Task]:
    """containerd brought up; then the images' registry, kubelet, proxy and DNS to run."""
    config, clock = cluster.config, cluster.clock
    write_registry_hosts(config)
    containerd = containerd_of(config)
    await containerd.ensure_running()
    report("containerd")
    own_objects = partial(ensure, cluster.api.local_client(), cluster.api.services.catalogue, _objects(cluster))
    await own_objects()
    kubelet = Kubelet(_node_client(cluster), _kubelet_config(cluster, str(containerd.socket)), clock)
    proxy = Proxy(cluster.client(authenticated(PROXY_USER)), _proxy_config(cluster), clock)
    dns = DNSServer(cluster.client(authenticated("system:kube-dns")), _dns_config(config), clock)
    return [
        ("network", partial(keep_up, network_of(config))),
        ("containerd", containerd.supervise),
        ("objects", partial(keep_restored, own_objects, clock.sleep)),
        ("image registry", partial(_serve_registry, config)),
        ("kubelet", partial(kubelet.run, cluster.ready("kubelet").set)),
        ("proxy", partial(proxy.run, cluster.ready("proxy").set)),
        ("DNS", partial(dns.run, cluster.ready("DNS").set)),
    ]


def _node_client(cluster: Cluster) -> Client:
    return cluster.client(authenticated(f"system:node:{cluster.node_name}", ("system:nodes",)))


def _kubelet_config(cluster: Cluster, cri_socket: str) -> KubeletConfig:
    config = cluster.config
    pki = config.directory / "pki"
    return KubeletConfig(
        node_name=cluster.node_name,
        node_ip=config.node_ip,
        pod_cidr=node_pod_cidr(config),
        root_dir=kubelet_directory(config),
        cri_socket=cri_socket,
        cluster_dns=(config.dns_ip,),
        cluster_domain=config.domain,
        port=config.kubelet_port,
        listen=config.node_ip,
        tls_certificate=(pki / "kubelet.crt").read_bytes(),
        tls_key=(pki / "kubelet.key").read_bytes(),
        client_ca=(pki / "ca.crt").read_bytes(),
        cgroup_root=cgroup_root(config),
        labels={"node-role.kubernetes.io/control-plane": ""},
    )


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


def _dns_address(config: ClusterConfig) -> str:
    """Pods' gateway: reached from pods and this machine, but not from its network, which needs no open resolver."""
    return network_of(config).config.gateway


def _dns_config(config: ClusterConfig) -> DNSConfig:
    return DNSConfig(
        listen=((_dns_address(config), config.dns_port),),
        service_cidr=config.service_cidr,
        pod_cidr=config.pod_cidr,
        dns_ip=config.dns_ip,
        domain=config.domain,
    )


def _objects(cluster: Cluster) -> list[Object]:
    """What the node's components need in the API."""
    config = cluster.config
    dns = dns_objects(config.dns_ip, _dns_address(config), config.dns_port, cluster.node_name)
    return [*proxy_role(PROXY_USER), *dns]


async def _serve_registry(config: ClusterConfig) -> None:
    server = HTTPServer(Registry(config.directory / "images"))
    await server.start("127.0.0.1", config.registry_port)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await server.stop()


async def wait_ready(cluster: Cluster, report: Report) -> None:
    """Wait until every component has said that it is ready and the node is; report each as it happens."""

    async def one(component: str, event: Awaitable[Any]) -> None:
        await event
        report(component)

    async with asyncio.TaskGroup() as group:
        for component, event in cluster.waiting.items():
            group.create_task(one(component, event.wait()))
        if not cluster.config.control_plane_only:
            group.create_task(one(f"node {cluster.node_name} Ready", _node_ready(cluster)))


async def _node_ready(cluster: Cluster) -> None:
    """Wait for the Ready condition of the node."""
    ready = asyncio.Event()

    def look(old: Object | None, new: Object | None) -> None:
        conditions = (new or {}).get("status", {}).get("conditions") or ()
        if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            ready.set()

    informers = Informers(cluster.api.local_client(), sleep=cluster.clock.sleep)
    informer = informers.of(NODE, fields=f"metadata.name={cluster.node_name}")
    informer.on_change(look)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(informer.run())
        await ready.wait()
        following.cancel()
