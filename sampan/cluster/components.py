"""The parts of a running control plane and how they are wired: who gets which identity, address and key.

`serving.py` runs what is made here; the node's parts are node_components.py. Every component is a client of the API
server and is told nothing about the others.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
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
from sampan.cluster.controller_flags import settings
from sampan.cluster.further import kept_ranges
from sampan.cluster.key_material import advertised_address, key_material, listen_addresses, pki_of
from sampan.cluster.pki import PKI
from sampan.cluster.scheduler import configuration_of
from sampan.controllers.accounts import accounts
from sampan.controllers.app import run_controllers
from sampan.controllers.config import Config as ControllersConfig
from sampan.machinery.durations import parse_duration
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.reconcile.metrics import ReconcileMetrics
from sampan.scheduler.app import Scheduler
from sampan.storage import compactor
from sampan.storage.sqlite import SQLiteStore

if TYPE_CHECKING:
    from sampan.apiserver.audit.options import AuditOptions
    from sampan.storage.encryption.encryption import Encryption

MANAGER_USER = "system:kube-controller-manager"
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
    renewed: frozenset[str] = frozenset()  # what was made anew at the start, of pki's pairs
    on_renewal: list[Callable[[], None]] = field(default_factory=list)  # whoever holds certificates, beside the API
    authority_renewed: asyncio.Event = field(default_factory=asyncio.Event)
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
    pki = pki_of(config, clock.now)
    renewed = pki.ensure()
    report("certificates")
    async with contextlib.AsyncExitStack() as stack:
        metrics = CollectorRegistry()
        encryption = await _encryption(config, clock, metrics)
        store = await SQLiteStore.open(config.directory / "store.db", encryption.transformers if encryption else None)
        stack.push_async_callback(store.close)
        api = APIServer(replace(_api_config(config, pki, store, encryption, metrics, objects), now=clock.now))
        await api.start()
        stack.push_async_callback(api.stop)
        report("API server")
        cluster = Cluster(config, pki, api, store, clock, encryption, renewed)
        if not config.disable_controller_manager:
            api.services.components["controller-manager"] = partial(_unready, cluster.ready("controllers"))
        if not config.disable_scheduler:
            api.services.components["scheduler"] = partial(_unready, cluster.ready("scheduler"))
        yield cluster


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
    return APIServerConfig(
        store=store,
        service_account_key=pki.read("sa.key"),
        **key_material(pki),
        hosts=listen_addresses(config),
        port=config.api_port,
        advertise_address=advertised_address(config),
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


def control_plane_tasks(cluster: Cluster) -> list[Task]:
    """Controllers and scheduler, where they are not somebody else's, and the store's upkeep."""
    clock, config = cluster.clock, cluster.config
    tasks: list[Task] = []
    if cluster.encryption:
        tasks.append(("encryption", partial(cluster.encryption.run, cluster.store.reread)))
    if not config.disable_controller_manager:
        tasks.append(("controllers", partial(_control, cluster, cluster.ready("controllers"))))
    if not config.disable_scheduler:
        asking = cluster.client(authenticated("system:kube-scheduler"))
        scheduler = Scheduler(asking, clock, configuration=configuration_of(config))
        tasks.append(("scheduler", partial(scheduler.run, cluster.ready("scheduler"))))
    return [
        *tasks,
        ("compactor", partial(compactor.run, cluster.store, clock, cluster.api.config.metrics)),
        ("storage", cluster.store.wait_failed),
    ]


async def _control(cluster: Cluster, ready: asyncio.Event) -> None:
    """Run the controllers, and begin anew when the authority has a new certificate: they publish it, and sign by it."""
    manager, metrics = cluster.client(authenticated(MANAGER_USER)), ReconcileMetrics(cluster.api.config.metrics)
    while True:
        run = partial(run_controllers, manager, cluster.account_client, _controllers_config(cluster), cluster.clock)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(run(ready, metrics), name="controllers")
            await cluster.authority_renewed.wait()
            running.cancel()
        cluster.authority_renewed.clear()


def _controllers_config(cluster: Cluster) -> ControllersConfig:
    authority = cluster.pki.pair("ca")
    return ControllersConfig(
        root_ca=authority.certificate.decode("ascii"),
        cluster_signing_cert=authority.certificate,
        cluster_signing_key=authority.key,
        cluster_signing_duration=parse_duration(cluster.config.cluster_signing_duration),
        load_balancer_pool=(cluster.config.lb_pool,) if cluster.config.has_nodes else (),
        cluster_cidr=cluster.config.pod_cidr,
        service_cluster_ip_range=cluster.config.service_cidr,
        kept_node_cidrs=kept_ranges(cluster.config),
        sign_token=cluster.api.services.authenticator.service_accounts.keys.sign,
        **settings(cluster.config.controllers),
    )


async def wait_ready(cluster: Cluster, report: Report) -> None:
    """Wait until every component has said that it is ready; report each as it happens."""

    async def one(component: str, event: Awaitable[Any]) -> None:
        await event
        report(component)

    async with asyncio.TaskGroup() as group:
        for component, event in cluster.waiting.items():
            group.create_task(one(component, event.wait()))
