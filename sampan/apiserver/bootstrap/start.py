"""The objects that a server needs, in the order in which they need each other: put in place at a start, and kept.

Whatever of them is deleted later comes back within seconds. Rules of RBAC that somebody has changed are given back at a
start only, as the documentation says ("Auto-reconciliation").
"""

import logging
from asyncio import gather
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, ip_address

from sampan.apiserver.authentication.request_header import FrontProxies
from sampan.apiserver.bootstrap import objects, policy, policy_namespaced
from sampan.apiserver.bootstrap.reconcile import Reconciler
from sampan.apiserver.bootstrap.service_range import ensure_service_range
from sampan.client.api import Client
from sampan.kinds.core.service_account_token import day_of
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.meta import Object


def _roles() -> list[Object]:
    return [*policy.roles(), *policy_namespaced.roles()]


def _bindings() -> list[Object]:
    return [*policy.bindings(), *policy_namespaced.bindings()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """The objects of one server."""

    client: Client
    catalogue: Catalogue
    service_range: IPv4Network
    now: Callable[[], datetime]
    address: str
    port: int
    client_ca: bytes
    front_proxies: FrontProxies
    roles: list[Object] = field(default_factory=_roles)
    bindings: list[Object] = field(default_factory=_bindings)

    async def put(self) -> None:
        """Before the server is ready. Idempotent; raises APIError.

        Those of a sort are written at once, so that the store commits them together.
        """
        reconciler = Reconciler(self.client, self.catalogue)
        await reconciler.ensure([*objects.namespaces(), *objects.priority_classes()])
        await gather(*(reconciler.reconcile_role(role) for role in self.roles))
        await gather(*(reconciler.reconcile_binding(binding) for binding in self.bindings))
        await self._put_tracking(reconciler)
        await self._put_addresses(reconciler)

    async def restore(self) -> None:
        """What is missing, and what is not this server's to leave as it is. Raises APIError."""
        await ensure_service_range(self.client, self.service_range, self.now(), level=logging.DEBUG)
        reconciler = Reconciler(self.client, self.catalogue)
        await reconciler.ensure([*objects.namespaces(), *objects.priority_classes(), *self.roles, *self.bindings])
        await self._put_tracking(reconciler)
        await self._put_addresses(reconciler)

    async def _put_tracking(self, reconciler: Reconciler) -> None:
        """Since when uses of tokens without an end are noted: the day stays, unless it is none."""
        tracking = objects.legacy_token_tracking(self.now().date())
        await reconciler.ensure_valid(
            tracking, lambda found: day_of((found.get("data") or {}).get("since", "")) is not None
        )

    async def _put_addresses(self, reconciler: Reconciler) -> None:
        """Where the server is, and by what CA it knows its clients."""
        trusted = objects.authentication_config(self.client_ca.decode(), self.front_proxies)
        await reconciler.ensure_current(trusted, ("data",))
        await reconciler.ensure_service(objects.kubernetes_service(self.service_range, self.port))
        if ip_address(self.address).is_loopback:
            return  # no pod could reach it: a control plane without nodes has the Service, but no endpoints
        endpoints = objects.kubernetes_endpoints(self.address, self.port)
        await reconciler.ensure_current(endpoints, ("subsets",))
        slices = objects.kubernetes_endpoint_slice(self.address, self.port)
        await reconciler.ensure_current(slices, ("endpoints", "ports"))
