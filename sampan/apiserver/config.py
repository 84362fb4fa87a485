"""What an API server is told when it is made. Plain data, filled by cluster/ and by tests; read by server.py."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, TypedDict

from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.authentication.options import AuthenticationOptions
from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.options import AuthorizationOptions
from sampan.apiserver.discovery.views import LegacyDiscovery
from sampan.apiserver.fairness.fairness import SEATS
from sampan.apiserver.nonresource.health import Checks
from sampan.kinds.registry import builtin_catalogue
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.meta import Object
from sampan.storage.protocol import Store

if TYPE_CHECKING:
    from sampan.apiserver.audit.options import AuditOptions

SERVICE_RANGE = IPv4Network("10.96.0.0/12")


class KeyMaterial(TypedDict):
    """What a server is given anew while it runs, before certificates end; PEM. See APIServerConfig."""

    certificate: bytes
    key: bytes
    client_ca: bytes
    requestheader_ca: bytes
    front_proxy_certificate: bytes
    front_proxy_key: bytes
    kubelet_client_certificate: bytes
    kubelet_client_key: bytes
    kubelet_ca: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class APIServerConfig:
    """PEM where bytes are key material."""

    store: Store  # open; closed by whoever opened it
    catalogue: Catalogue = field(default_factory=builtin_catalogue)
    service_account_key: bytes
    service_account_verifiers: Sequence[bytes] = ()  # further keys whose tokens are good
    certificate: bytes = b""  # without one the port speaks plain HTTP (tests)
    key: bytes = b""
    client_ca: bytes = b""
    requestheader_ca: bytes = b""  # signs front proxies, that say by headers who asks
    requestheader_names: Sequence[str] = ("front-proxy-client",)  # of their certificates; none: all
    front_proxy_certificate: bytes = b""  # this server's own, as the front proxy of other API servers
    front_proxy_key: bytes = b""
    kubelet_client_certificate: bytes = b""
    kubelet_client_key: bytes = b""
    kubelet_ca: bytes = b""
    hosts: Sequence[str] = ("127.0.0.1",)
    port: int = 0
    advertise_address: str = "127.0.0.1"
    service_range: IPv4Network = SERVICE_RANGE
    node_ports: range = range(30000, 32768)
    issuer: str = "https://kubernetes.default.svc.cluster.local"
    admission: AdmissionConfiguration = field(default_factory=AdmissionConfiguration)
    authentication: AuthenticationOptions = field(default_factory=AuthenticationOptions)
    authorization: AuthorizationOptions = field(default_factory=AuthorizationOptions)
    identity: str = "kube-apiserver"  # by which metrics tell servers apart
    tokens: Mapping[str, User] = field(default_factory=dict)  # static bearer tokens
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)  # what /metrics shows
    objects: Sequence[Object] = ()  # that the cluster needs besides; kept as they are, but for what others add
    audit: "AuditOptions | None" = None  # None: no audit log
    health: Checks = field(default_factory=dict)  # further checks of /healthz and /readyz
    legacy_discovery: LegacyDiscovery = LegacyDiscovery.AUTO  # who sees versions that upstream has removed
    seats: int = SEATS  # requests that are served at once, in all priority levels
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
