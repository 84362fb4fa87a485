"""The parts of a running control plane and how they are wired: who gets which identity, address and key.

`serving.py` runs what is made here; the node's parts are node_components.py. Every component is a client of the API
server and is told nothing about the others.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.authentication.user import User, authenticated, service_account
from sampan.apiserver.discovery.views import LegacyDiscovery
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.cluster import authentication, authorization
from sampan.cluster.admission import admission_of
from sampan.cluster.config import ClusterConfig
from sampan.cluster.pki import PKI
from sampan.controllers.accounts import accounts
from sampan.controllers.app import run_controllers
from sampan.controllers.config import Config as ControllersConfig
from sampan.machinery.durations import parse_duration
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.scheduler.app import Scheduler
from sampan.storage import compactor
from sampan.storage.sqlite import SQLiteStore

if TYPE_CHECKING:
    from sampan.apiserver.audit.options import AuditOptions
    from sampan.storage.encryption.encryption import Encryption

Report = Callable[[str], None]
Task = tuple[str, Callable[[], Coroutine[Any, Any, None]]]  # a name, and what makes the coroutine to run


@dataclass(slots=True)
class Cluster:
    """A control plane that is up."""

    config: ClusterConfig
    pki: PKI
    api: APIServer
    store: SQLiteStore
    clock: Clock
    encryption: "Encryption | None" = None  # at rest
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
async def control_plane(
    config: ClusterConfig, clock: Clock, report: Report, objects: Sequence[Object] = ()
) -> AsyncIterator[Cluster]:
    """Certificates, store and API server; closed in the opposite order. `objects` are what its node's parts need."""
    pki = pki_of(config, clock)
    pki.ensure()
    report("certificates")
    async with contextlib.AsyncExitStack() as stack:
        metrics = CollectorRegistry()
        encryption = await _encryption(config, clock, metrics)
        store = await SQLiteStore.open(config.directory / "store.db", encryption.transformers if encryption else None)
        stack.push_async_callback(store.close)
        api = APIServer(_api_config(config, pki, store, encryption, metrics, objects))
        await api.start()
        stack.push_async_callback(api.stop)
        report("API server")
        cluster = Cluster(config, pki, api, store, clock, encryption)
        api.services.components |= {
            "controller-manager": partial(_unready, cluster.ready("controllers")),
            "scheduler": partial(_unready, cluster.ready("scheduler")),
        }
        yield cluster


def pki_of(config: ClusterConfig, clock: Clock) -> PKI:
    """The key material of a cluster, for all the names and addresses that it is reached by."""
    first_service_ip = str(IPv4Network(config.service_cidr)[1])
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{config.domain}")
    hosts = dict.fromkeys(("localhost", "127.0.0.1", config.node_ip, first_service_ip, *names, *_listen(config)))
    hosts.pop("0.0.0.0", None)
    return PKI(
        directory=config.directory / "pki",
        server_hosts=list(hosts),
        node_name=config.name,
        node_hosts=[config.name, config.node_ip],
        now=clock.now,
    )


def _unready(component: asyncio.Event) -> str:
    """What is wrong with a component of this process; one that fails takes the server with it."""
    return "" if component.is_set() else "is still starting"


async def _encryption(config: ClusterConfig, clock: Clock, metrics: CollectorRegistry) -> "Encryption | None":
    """Encryption at rest, loaded only where there is some."""
    if not config.encryption_provider_config:
        return None
    from sampan.cluster.encryption import encryption_of

    return await encryption_of(config, clock, metrics)


def _audit(config: ClusterConfig) -> "AuditOptions | None":
    """Auditing, loaded only where there is some."""
    if not config.audit:
        return None
    from sampan.cluster.audit import audit_of

    return audit_of(config)


def _api_config(
    config: ClusterConfig,
    pki: PKI,
    store: SQLiteStore,
    encryption: "Encryption | None",
    metrics: CollectorRegistry,
    objects: Sequence[Object],
) -> APIServerConfig:
    serving, front_proxy, kubelets = map(pki.pair, ("apiserver", "front-proxy-client", "apiserver-kubelet-client"))
    return APIServerConfig(
        store=store,
        service_account_key=pki.read("sa.key"),
        certificate=serving.certificate,
        key=serving.key,
        client_ca=pki.read("ca.crt"),
        requestheader_ca=pki.read("front-proxy-ca.crt"),
        front_proxy_certificate=front_proxy.certificate,
        front_proxy_key=front_proxy.key,
        kubelet_client_certificate=kubelets.certificate,
        kubelet_client_key=kubelets.key,
        kubelet_ca=pki.read("ca.crt"),
        hosts=_listen(config),
        port=config.api_port,
        advertise_address=_advertised(config),
        service_range=IPv4Network(config.service_cidr),
        issuer=f"https://kubernetes.default.svc.{config.domain}",
        legacy_discovery=LegacyDiscovery(config.legacy_discovery),
        admission=admission_of(config),
        authentication=authentication.options_of(config),
        authorization=authorization.options_of(config),
        identity=config.name,
        metrics=metrics,
        objects=[*accounts(), *objects],
        audit=_audit(config),
        health={"kms-providers": encryption.health} if encryption and encryption.has_health else {},
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
        return config.gateway
    return config.node_ip if config.listen in ("", "0.0.0.0", "127.0.0.1") else config.listen


def control_plane_tasks(cluster: Cluster) -> list[Task]:
    """Controllers, scheduler, and the store's upkeep."""
    config, clock = cluster.config, cluster.clock
    authority = cluster.pki.pair("ca")
    pool = () if config.control_plane_only else (config.lb_pool,)
    manager = cluster.client(authenticated("system:kube-controller-manager"))
    scheduler = Scheduler(cluster.client(authenticated("system:kube-scheduler")), clock)
    settings = ControllersConfig(
        root_ca=authority.certificate.decode("ascii"),
        cluster_signing_cert=authority.certificate,
        cluster_signing_key=authority.key,
        cluster_signing_duration=parse_duration(config.cluster_signing_duration),
        load_balancer_pool=pool,
        sign_token=cluster.api.services.authenticator.service_accounts.keys.sign,
    )
    ready, registry = cluster.ready("controllers"), cluster.api.config.metrics
    encryption: list[Task] = []
    if cluster.encryption:
        encryption.append(("encryption", partial(cluster.encryption.run, cluster.store.reread)))
    return [
        *encryption,
        ("controllers", partial(run_controllers, manager, cluster.account_client, settings, clock, ready, registry)),
        ("scheduler", partial(scheduler.run, cluster.ready("scheduler"))),
        ("compactor", partial(compactor.run, cluster.store, clock)),
        ("storage", cluster.store.wait_failed),
    ]


async def wait_ready(cluster: Cluster, report: Report) -> None:
    """Wait until every component has said that it is ready; report each as it happens."""

    async def one(component: str, event: Awaitable[Any]) -> None:
        await event
        report(component)

    async with asyncio.TaskGroup() as group:
        for component, event in cluster.waiting.items():
            group.create_task(one(component, event.wait()))
