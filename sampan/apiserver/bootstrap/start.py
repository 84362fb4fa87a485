"""The objects that a cluster needs, in the order in which they need each other: put in place at a start, and kept.

Whatever of them is deleted later comes back within seconds, and what is not anybody's to change is changed back. Rules
of RBAC that somebody has changed are given back at a start only, as the documentation says ("Auto-reconciliation").
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from ipaddress import IPv4Network, ip_address
from itertools import chain

from sampan.apiserver.authentication.request_header import FrontProxies
from sampan.apiserver.bootstrap import flow_control, objects, policy, policy_namespaced
from sampan.apiserver.bootstrap.keeper import Keeper
from sampan.apiserver.bootstrap.kept import (
    Kept,
    binding_subjects,
    dangling,
    data_unless,
    fields,
    leave,
    merged,
    ports,
    role_rules,
)
from sampan.apiserver.bootstrap.service_range import ensure_service_range
from sampan.client.api import Client
from sampan.kinds.core.service_account_token import day_of
from sampan.kinds.flowcontrol.flow_schema import KIND as FLOW_SCHEMA
from sampan.kinds.flowcontrol.priority_level_configuration import KIND as PRIORITY_LEVEL
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server is, and by what it knows its clients."""

    service_range: IPv4Network
    address: str
    port: int
    client_ca: bytes
    front_proxies: FrontProxies


class Bootstrap:
    """The objects of one server. `further` are what its cluster needs besides, for components that run beside it."""

    def __init__(
        self,
        client: Client,
        keeper: Keeper,
        all_of: Callable[[Kind], list[Object]],
        now: Callable[[], datetime],
        place: Place,
        further: Sequence[Object] = (),
    ) -> None:
        self._client, self._keeper, self._all_of, self._now = client, keeper, all_of, now
        self._service_range = place.service_range
        self._groups = groups(place, now().date(), further)

    def move(self, place: Place, further: Sequence[Object]) -> None:
        """What is told of the server from the next `restore` on."""
        self._groups = groups(place, self._now().date(), further)

    async def put(self) -> None:
        """Before the server is ready. Idempotent; raises APIError."""
        for group in self._groups:
            await self._keeper.put(group)

    async def restore(self) -> None:
        """What is missing, and what is not anybody's to leave as it is. Raises APIError."""
        await ensure_service_range(self._client, self._service_range, self._now(), level=logging.DEBUG)
        await self._keeper.restore(chain.from_iterable(self._groups))
        for kind, ours in ((FLOW_SCHEMA, flow_control.flow_schemas), (PRIORITY_LEVEL, flow_control.priority_levels)):
            await self._keeper.remove(dangling(self._all_of(kind), (one.wanted for one in ours())))


def groups(place: Place, today: date, further: Iterable[Object]) -> list[list[Kept]]:
    """Everything that is kept, in groups that can be written at once."""
    roles = [*policy.roles(), *policy_namespaced.roles()]
    bindings = [*policy.bindings(), *policy_namespaced.bindings()]
    return [
        [Kept(obj) for obj in (*objects.namespaces(), *objects.priority_classes())],
        [*(Kept(role, at_start=role_rules) for role in roles), *flow_control.priority_levels()],
        [*(Kept(binding, at_start=binding_subjects) for binding in bindings), *flow_control.flow_schemas()],
        [*_config_maps(place, today), *_addresses(place)],
        [Kept(obj, leave if obj["kind"] == "StorageClass" else merged) for obj in further],
    ]


def _config_maps(place: Place, today: date) -> list[Kept]:
    """By what CA clients are known, and since when uses of tokens without an end are noted: the day stays."""
    return [
        Kept(objects.authentication_config(place.client_ca.decode(), place.front_proxies), fields("data")),
        Kept(objects.legacy_token_tracking(today), data_unless(lambda data: day_of(data.get("since", "")) is not None)),
    ]


def _addresses(place: Place) -> list[Kept]:
    """Where the server is."""
    service = Kept(objects.kubernetes_service(place.service_range, place.port), ports)
    if ip_address(place.address).is_loopback:
        return [service]  # no pod could reach it: a control plane without nodes has the Service, but no endpoints
    return [
        service,
        Kept(objects.kubernetes_endpoints(place.address, place.port), fields("subsets")),
        Kept(objects.kubernetes_endpoint_slice(place.address, place.port), fields("endpoints", "ports")),
    ]
