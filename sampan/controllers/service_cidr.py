"""Keeps a ServiceCIDR while addresses of it are in use that no other one has, and says whether it is ready.

Rule: KEP-1880; upstream's pkg/controller/servicecidrs. The API server takes addresses from ServiceCIDRs that are ready
and not going; one that goes waits a little after its last address, as servers may not have heard of it yet.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from ipaddress import ip_address

from sampan.controllers.protection import protected, released
from sampan.kinds.cidrs import Network
from sampan.kinds.networking.ip_address import KIND as IP_ADDRESS
from sampan.kinds.networking.service_cidr import KIND as SERVICE_CIDR
from sampan.kinds.networking.service_ranges import READY, covers, is_allocators, networks
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Key, Object, format_time, is_deleting, key_of, parse_time
from sampan.machinery.tree import get_path, with_changes
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Context, Controller

FINALIZER = "networking.k8s.io/service-cidr-finalizer"
DELETION_GRACE = 10.0  # seconds
TERMINATING = "Terminating"
IN_USE = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"
READY_MESSAGE = "Kubernetes Service CIDR is ready"


def may_go(service_cidr: Object, others: Sequence[Object], addresses: Iterable[Object]) -> bool:
    """Whether all of its ranges, or at least all of its addresses that are in use, are in other ServiceCIDRs, too."""
    if all(any(_is_within(network, other) for other in others) for network in networks(service_cidr)):
        return True
    used = (ip_address(found["metadata"]["name"]) for found in addresses if is_allocators(found))
    return not any(
        covers(service_cidr, address) and not any(covers(other, address) for other in others) for address in used
    )


def _is_within(network: Network, other: Object) -> bool:
    return any(_contains(outer, network) for outer in networks(other))


def _contains(outer: Network, inner: Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def with_condition(service_cidr: Object, status: str, reason: str, message: str, now: datetime) -> Object | None:
    """The ServiceCIDR with this condition Ready; None where it has it."""
    found: list[Object] = get_path(service_cidr, ("status", "conditions"), [])
    old = next((one for one in found if one["type"] == READY), {})
    if (old.get("status"), old.get("reason", ""), old.get("message", "")) == (status, reason, message):
        return None
    new = {
        "type": READY,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": format_time(now),
    }
    rest = [one for one in found if one["type"] != READY]
    return with_changes(service_cidr, {("status", "conditions"): [*rest, new]})


class ServiceCIDRController(Controller):
    """One key per ServiceCIDR."""

    name = "service-cidr-controller"
    account = "service-cidrs-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.ranges = self.watch(SERVICE_CIDR, self._overlapping)
        self.addresses = self.watch(IP_ADDRESS, self._containing, matters=lambda old, new: False)

    def _overlapping(self, service_cidr: Object) -> Iterator[Key]:
        """Itself, and those of which it may hold the addresses."""
        yield key_of(service_cidr)
        mine = networks(service_cidr)
        for other in self.ranges_known():
            if any(_contains(a, b) or _contains(b, a) for a in networks(other) for b in mine):
                yield key_of(other)

    def _containing(self, address: Object) -> Iterator[Key]:
        """Those that are on their way out and may have waited for the address."""
        for found in self.ranges_known():
            if is_deleting(found) and covers(found, ip_address(address["metadata"]["name"])):
                yield key_of(found)

    def ranges_known(self) -> list[Object]:
        """All ServiceCIDRs; none while the first of them is told of."""
        return list(self.informers.of(SERVICE_CIDR).items())

    async def reconcile(self, key: Key) -> Action:
        service_cidr = self.ranges.get(key)
        if service_cidr is None:
            return WAIT
        try:
            return await (self._end(key, service_cidr) if is_deleting(service_cidr) else self._keep(service_cidr))
        except NotFound:
            return WAIT

    async def _keep(self, service_cidr: Object) -> Action:
        if FINALIZER not in (service_cidr["metadata"].get("finalizers") or ()):
            service_cidr = await self.client.update(SERVICE_CIDR, protected(service_cidr, FINALIZER))
        await self._say(service_cidr, "True", "", READY_MESSAGE)
        return WAIT

    async def _end(self, key: Key, service_cidr: Object) -> Action:
        others = [found for found in self.ranges.items() if key_of(found) != key]
        if not may_go(service_cidr, others, self.addresses.items()):
            await self._say(service_cidr, "False", TERMINATING, IN_USE)
            return WAIT
        gone_for = self.clock.now() - parse_time(service_cidr["metadata"]["deletionTimestamp"])
        if (left := DELETION_GRACE - gone_for.total_seconds()) > 0:
            return after(left)
        if FINALIZER in (service_cidr["metadata"].get("finalizers") or ()):
            await self.client.update(SERVICE_CIDR, released(service_cidr, FINALIZER))
        return WAIT

    async def _say(self, service_cidr: Object, status: str, reason: str, message: str) -> None:
        changed = with_condition(service_cidr, status, reason, message, self.clock.now())
        if changed is not None:
            await self.client.update(SERVICE_CIDR, changed, subresource="status")


CONTROLLER = ServiceCIDRController
