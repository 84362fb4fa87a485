"""The API server assembled: storage, authorization, routes and discovery behind one TLS port.

    server = APIServer(config)
    await server.start()              # storage open, bootstrap objects in place, port listening
    client = server.local_client(User("system:kube-scheduler"))
    await server.stop()

Called by cluster/ and testing/. Not here: certificates and keys are made by cluster/pki.py, storage is given
open.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sampan.apiserver import keys
from sampan.apiserver.admission.chain import Chain
from sampan.apiserver.admission.dynamic.metrics import AdmissionMetrics
from sampan.apiserver.admission.order import chosen
from sampan.apiserver.aggregation.aggregation import Aggregation
from sampan.apiserver.aggregation.connections import Connections, FrontProxy
from sampan.apiserver.allocators.repair import run_repair
from sampan.apiserver.allocators.services import ServiceAllocators
from sampan.apiserver.app import App
from sampan.apiserver.authentication.last_used import LastUsed
from sampan.apiserver.authentication.options import load
from sampan.apiserver.authentication.request_header import FrontProxies
from sampan.apiserver.authentication.setup import Authentication, Material
from sampan.apiserver.authentication.user import GROUP_MASTERS, User, authenticated
from sampan.apiserver.authorization.follow import follow, listeners
from sampan.apiserver.authorization.node.authorizer import NodeAuthorizer
from sampan.apiserver.authorization.node.graph import Graph
from sampan.apiserver.authorization.options import load as load_authorization
from sampan.apiserver.authorization.rbac import RBAC
from sampan.apiserver.authorization.setup import Authorization, Surroundings
from sampan.apiserver.bootstrap.keeper import Keeper
from sampan.apiserver.bootstrap.policy import node_rules
from sampan.apiserver.bootstrap.service_range import ensure_service_range
from sampan.apiserver.bootstrap.start import Bootstrap, Place
from sampan.apiserver.config import SERVICE_RANGE, APIServerConfig, KeyMaterial
from sampan.apiserver.discovery.model import RemoteVersion
from sampan.apiserver.discovery.views import LegacyDiscovery
from sampan.apiserver.extensions.controller import run_definitions
from sampan.apiserver.extensions.follow import Definitions
from sampan.apiserver.extensions.instances import Instances
from sampan.apiserver.fairness.dumps import Dumps
from sampan.apiserver.fairness.fairness import Fairness
from sampan.apiserver.fairness.load import Load
from sampan.apiserver.fairness.metrics import FairnessMetrics
from sampan.apiserver.impersonation.impersonator import Impersonator
from sampan.apiserver.impersonation.metrics import ImpersonationMetrics
from sampan.apiserver.local import LocalTransport
from sampan.apiserver.metrics import Metrics
from sampan.apiserver.nonresource.health import Checks
from sampan.apiserver.nonresource.openapi import OpenAPI
from sampan.apiserver.nonresource.openid import OpenID
from sampan.apiserver.nonresource.table import nonresource
from sampan.apiserver.proxying.clients import ProxyClients
from sampan.apiserver.render.status import transport_error
from sampan.apiserver.routes import build
from sampan.apiserver.services import Services
from sampan.apiserver.serving_tls import ServingTLS
from sampan.apiserver.webhooks.addresses import Address
from sampan.apiserver.webhooks.client import WebhookClient
from sampan.apiserver.webhooks.resolve import resolve
from sampan.client.api import Client
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.cel.crd_rules import RuleChecks
from sampan.machinery.cel.environment import Environment
from sampan.machinery.errors import APIError, qualified
from sampan.machinery.kind import Kind, Structure
from sampan.machinery.meta import Object
from sampan.reconcile.clock import ConfiguredClock
from sampan.reconcile.upkeep import keep_restored
from sampan.storage.cache import Cache
from sampan.transport.server import HTTPServer

if TYPE_CHECKING:
    pass

__all__ = ["SERVICE_RANGE", "APIServer", "APIServerConfig"]

log = logging.getLogger(__name__)

_ITSELF = authenticated("system:apiserver", (GROUP_MASTERS,))


def _structures(kind: Kind) -> list[Structure | None]:
    return [version.structure for version in kind.versions]


class APIServer:
    """See the module."""

    def __init__(self, config: APIServerConfig) -> None:
        self.config = config
        self.port = config.port
        self._tls = ServingTLS(config)
        self._kept: Bootstrap | None = None
        self._allocators = ServiceAllocators(config.node_ports)
        self._cache = Cache(config.store, lambda prefix: keys.describe(self.services.catalogue, prefix))
        self._ready = False
        self._unfollow: list[Callable[[], None]] = []
        self._upkeep: asyncio.Task[None] | None = None
        self._graph, self._rbac = Graph(), RBAC()
        self._last_used = LastUsed()
        self.authentication = self._authentication()
        self.authorization = self._authorization()
        self.services = self._services()
        catalogue = self.services.catalogue
        connections = Connections(self._resolve, self._front_proxy)
        self.aggregation = Aggregation(self._cache, connections, self._clock(), config.metrics)
        self._definitions = Definitions(self._cache, catalogue, self.install, RuleChecks(Environment()))
        self.openapi = OpenAPI(self.aggregation.specs)
        tokens, jwks = self.services.authenticator.service_accounts, config.authentication.service_account_jwks_uri
        self.openid = OpenID(tokens, lambda: jwks or f"https://{self.address}/openid/v1/jwks")
        self.fairness = Fairness(self._clock(), Load(self._cache, lambda: self.services.catalogue), config.seats)
        self.dumps = Dumps(self.fairness)
        FairnessMetrics(self.fairness.levels, config.metrics)
        self.openapi.serve(catalogue)
        routes = build(catalogue)
        self.metrics = Metrics(lambda info: self.app.routes.knows(info), self._stored, config.metrics)
        aggregation = self.aggregation
        self.app = App(
            self.services,
            routes,
            nonresource(self, routes),
            self.metrics,
            aggregation.backends,
            aggregation.proxy,
            self.fairness,
        )
        if config.audit is not None:
            from sampan.apiserver.audit.setup import auditor_of

            self.app.auditor = auditor_of(config.audit, config.metrics, config.now)
        aggregation.discovery.on_change(self._tell_again)
        aggregation.specs.on_change(self.openapi.serve_again)
        app = self.app
        self._http = HTTPServer(app.handle, error_response=transport_error, streamed=app.streamed, heads_first=True)

    def _services(self) -> Services:
        config = self.config
        kubelet_tls, authorizers = self._tls.kubelets, self.authorization.authorizers
        return Services(
            cache=self._cache,
            catalogue=config.catalogue,
            rbac=self._rbac,
            authorizers=authorizers,
            authenticator=self.authentication.authenticator,
            impersonator=Impersonator(authorizers, ImpersonationMetrics(config.metrics)),
            admission=Chain(chosen(config.admission)),
            allocators={"services": self._allocators},
            now=config.now,
            webhooks=WebhookClient(self._resolve),
            admission_metrics=AdmissionMetrics(config.metrics),
            proxied=ProxyClients(kubelet_tls),
            kubelet_tls=kubelet_tls,
        )

    def _authentication(self) -> Authentication:
        config = self.config
        material = Material(
            client_ca=config.client_ca,
            front_proxies=self._front_proxies,
            service_account_key=config.service_account_key,
            service_account_verifiers=config.service_account_verifiers,
            issuer=config.issuer,
            tokens=config.tokens,
            server=config.identity,
            now=lambda: self.services.now(),
            sleep=config.sleep,
        )
        options = config.authentication
        return Authentication(options, load(options), material, self._lookup, self._last_used.note, config.metrics)

    def _authorization(self) -> Authorization:
        config = self.config
        around = Surroundings(
            resident={"Node": NodeAuthorizer(self._graph, node_rules()), "RBAC": self._rbac},
            registry=config.metrics,
            server=config.identity,
            sleep=config.sleep,
            monotonic=self._clock().monotonic,
        )
        return Authorization(load_authorization(config.authorization), around)

    @property
    def _front_proxy(self) -> FrontProxy:
        return FrontProxy(self.config.front_proxy_certificate, self.config.front_proxy_key)

    @property
    def _front_proxies(self) -> FrontProxies:
        return FrontProxies(self.config.requestheader_ca, self.config.requestheader_names)

    def _resolve(self, namespace: str, name: str, port: int) -> Address:
        return resolve(self.services, namespace, name, port)

    def _lookup(self, plural: str, namespace: str, name: str) -> Object | None:
        return self.services.find(self.services.catalogue.by_resource["", "v1", plural].kind, namespace, name)

    async def start(self) -> None:
        """Open for business: raises OSError where the port is taken, StoreError where storage fails."""
        config = self.config
        if self.app.auditor is not None:
            await self.app.auditor.start()
        await self._cache.start()
        self._definitions.load()
        self.aggregation.backends.refresh()
        self._unfollow = [
            follow(listeners(self.services.rbac, self._graph), self._cache, config.store),
            follow(self.fairness.listeners(), self._cache, config.store),
            config.store.subscribe(self._definitions.on_events, self._cache.revision),
            config.store.subscribe(self.aggregation.backends.on_events, self._cache.revision),
        ]
        await ensure_service_range(self.local_client(), config.service_range, config.now(), level=logging.WARNING)
        await self._allocators.adopt(self.services)
        for host in config.hosts:
            self.port = await self._http.start(host, self.port, self._tls.listening)
        bootstrap = self._kept = self._bootstrap()
        await self._put(bootstrap)
        self._upkeep = asyncio.create_task(self._keep_up(bootstrap), name="API server upkeep")
        self._ready = True
        log.info("API server ready", extra={"port": self.port})

    async def _put(self, bootstrap: Bootstrap) -> None:
        """A webhook that nobody answers yet may stand in the way: its pods can come up only after the server."""
        try:
            await bootstrap.put()
        except APIError as error:
            log.error("the cluster's own objects can't be put in place, and will be tried again: %s", error)

    async def _keep_up(self, bootstrap: Bootstrap) -> None:
        """What the server does for itself while it serves."""
        clock, instances = self._clock(), Instances(self.services, self.config.catalogue, _ITSELF)
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_restored(bootstrap.restore, self.config.sleep), name="bootstrap objects")
            repair = run_repair(self.services, self.local_client(), self.config.node_ports, clock)
            group.create_task(repair, name="repair of allocations")
            group.create_task(self.authentication.run(), name="authentication")
            group.create_task(self.authorization.run(), name="authorization")
            group.create_task(self.fairness.run(self.local_client()), name="priority and fairness")
            group.create_task(self._last_used.run(self.local_client()), name="use of legacy tokens")
            group.create_task(run_definitions(self.local_client(), clock, instances), name="definitions")
            group.create_task(
                self.aggregation.run(self.local_client(), self.config.catalogue), name="aggregation of API servers"
            )

    def _clock(self) -> ConfiguredClock:
        return ConfiguredClock(self.config.now, self.config.sleep)

    def _bootstrap(self) -> Bootstrap:
        config, client = self.config, self.local_client()
        keeper = Keeper(client, config.catalogue, self.services.find)
        return Bootstrap(client, keeper, self.services.all, config.now, self._place, config.objects)

    @property
    def _place(self) -> Place:
        return Place(
            service_range=self.config.service_range,
            address=self.config.advertise_address,
            port=self.port,
            client_ca=self.config.client_ca,
            front_proxies=self._front_proxies,
        )

    async def renew(self, material: KeyMaterial) -> None:
        """Work with these certificates and authorities from now on; connections that are open go on. Raises
        ssl.SSLError, ValueError."""
        self.config = replace(self.config, **material)
        self._tls.renew(self.config)
        self.services.authenticator.certificates.trust(self.config.client_ca, self._front_proxies)
        await self.services.proxied.close()  # what is idle has shown the old ones
        await self.aggregation.connections.renew(self._front_proxy)
        if self._kept is not None:
            self._kept.move(self._place, self.config.objects)

    async def stop(self, grace: float = 1.0) -> None:
        """Stop accepting, end watches, finish what is under way."""
        self._ready = False
        if self._upkeep:
            self._upkeep.cancel()
            await asyncio.wait([self._upkeep])
        self._cache.close()
        await self._http.stop(grace)
        for unfollow in self._unfollow:
            unfollow()
        if self.app.auditor is not None:
            await self.app.auditor.close()
        await self.services.webhooks.close()
        await self.authentication.close()
        await self.authorization.close()
        await self.services.proxied.close()
        await self.aggregation.connections.close()

    def install(self, catalogue: Catalogue) -> None:
        """Serve another catalogue from now on: kinds have come, gone or changed.

        Who watches objects of a kind as it was must watch again, or would never see a field that it has got.
        """
        before, kept = self.services.catalogue.custom, {id(s) for kind in catalogue.custom for s in _structures(kind)}
        routes = build(catalogue)
        self.openapi.serve(catalogue)
        self.app.install(catalogue, routes, nonresource(self, routes))
        self._cache.describe_again()
        for kind in before:
            if any(id(structure) not in kept for structure in _structures(kind)):
                self._cache.end_watches(keys.storage_prefix(kind))

    def _tell_again(self) -> None:
        """Other servers' versions have come, gone or changed: discovery tells of them."""
        self.app.install(self.services.catalogue, self.app.routes, nonresource(self, self.app.routes))

    def local_client(self, user: User | None = None) -> Client:
        """A client in this process, as `user` (by default one that may do everything)."""
        return Client(LocalTransport(self.app, user or _ITSELF))

    def _stored(self) -> Iterator[tuple[str, int]]:
        for kind in self.services.catalogue.kinds:
            if kind.is_stored:
                yield qualified(kind.plural, kind.group), self._cache.stored(keys.storage_prefix(kind))[0]

    # What nonresource/table.py asks for

    @property
    def address(self) -> str:
        """host:port, as discovery gives it."""
        return f"{self.config.advertise_address}:{self.port}"

    @property
    def legacy_discovery(self) -> LegacyDiscovery:
        """Who sees legacy versions in discovery."""
        return self.config.legacy_discovery

    def remote_versions(self) -> Iterable[RemoteVersion]:
        """The versions that other servers have, behind this one."""
        return self.aggregation.discovery.versions()

    def readiness(self) -> Checks:
        """The checks of /readyz."""
        return {
            **self.healthiness(),
            "etcd-readiness": lambda: self.config.store.trouble,
            "poststarthook/rbac/bootstrap-roles": lambda: "" if self._ready else "not finished",
        }

    def healthiness(self) -> Checks:
        """The checks of /healthz."""
        return {**self.liveness(), **self.config.health}

    def liveness(self) -> Checks:
        """The checks of /livez."""
        return {"ping": lambda: "", "etcd": lambda: ""}
