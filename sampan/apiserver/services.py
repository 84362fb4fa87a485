"""What handlers work with, made once by server.py: storage, authorization, admission, allocators, the clock."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.dynamic.metrics import AdmissionMetrics
from sampan.apiserver.authentication.authenticate import Authenticator
from sampan.apiserver.authorization.authorizer import Authorizers
from sampan.apiserver.authorization.rbac import RBAC
from sampan.apiserver.call import Call, Result
from sampan.apiserver.impersonation.impersonator import Impersonator
from sampan.apiserver.keys import storage_key, storage_prefix
from sampan.apiserver.proxying.clients import ProxyClients
from sampan.apiserver.webhooks.client import WebhookClient
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object
from sampan.storage.cache import Cache


class AdmissionChain(Protocol):
    """What asks the admission plugins; admission/chain.py."""

    async def mutate(self, services: "Services", admission: Admission) -> None:
        """The first phase: plugins may change admission.obj."""

    async def validate(self, services: "Services", admission: Admission) -> None:
        """The second phase: plugins only read."""


class Allocator(Protocol):
    """What hands out something that is unique in the cluster, for the kinds that name it (Kind.allocator)."""

    def reserve(
        self, services: "Services", new: Object, old: Object | None, *, dry_run: bool
    ) -> AbstractAsyncContextManager[None]:
        """Complete an object for the time that it is written; what was taken goes back if that fails."""

    async def release(self, services: "Services", gone: Object) -> None:
        """Give back what a deleted object had."""


class Usage(Protocol):
    """What is measured of nodes and pods; metrics/app.py, where it runs beside the server."""

    def of_node(self, name: str) -> Object | None:
        """The fields of a NodeMetrics beside its metadata; None where nothing is known."""

    def of_pod(self, key: Key) -> Object | None:
        """Those of a PodMetrics."""


@dataclass(slots=True)
class Services:
    """The parts of a running API server."""

    cache: Cache
    catalogue: Catalogue  # the one of the moment; a request keeps that of its beginning, Call.catalogue
    rbac: RBAC  # for what roles hold; who may do what, authorizers say
    authorizers: Authorizers
    authenticator: Authenticator
    impersonator: Impersonator
    admission: AdmissionChain
    allocators: Mapping[str, Allocator]  # by the name that kinds use
    now: Callable[[], datetime]
    webhooks: WebhookClient
    admission_metrics: AdmissionMetrics
    proxied: ProxyClients
    components: dict[str, Callable[[], str]] = field(default_factory=dict)  # name -> what is wrong with it, or ""
    usage: Usage | None = None
    kubelet_tls: ssl.SSLContext | None = None  # with the API server's client certificate

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The current object, shared; None where there is none."""
        entry = self.cache.get(storage_key(kind, namespace, name))
        return entry.object if entry else None

    def all(self, kind: Kind, namespace: str = "") -> list[Object]:
        """The current objects of a kind, shared."""
        return [entry.object for entry in self.cache.list(storage_prefix(kind, namespace)).items]


Verb = Callable[[Services, Call], Result | Awaitable[Result]]
