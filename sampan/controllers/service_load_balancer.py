"""Gives Services of type LoadBalancer an address from a local pool; the node's proxy makes it answer.

Stands in for a cloud's load balancers, and does no more than hand out addresses: which are taken is written in the
Services themselves, so nothing needs cleaning up. Services with a loadBalancerClass belong to somebody else. Events:
upstream's service controller.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from sampan.controllers.config import ControllerContext
from sampan.kinds.core.service import KIND as SERVICE
from sampan.machinery.meta import Key, Object, is_deleting, key_of
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Controller
from sampan.reconcile.events import NORMAL, WARNING

POOL_EMPTY = after(30.0)


class NoAddress(Exception):
    """The pool has no address for a Service; the text says why."""


def pool_addresses(pool: Iterable[str]) -> list[str]:
    """The addresses of the pool's entries: single ones, and ranges without their network and broadcast addresses."""
    found: list[str] = []
    for entry in pool:
        found += [entry] if "/" not in entry else map(str, ip_network(entry, strict=False).hosts())
    return found


def is_ours(service: Object) -> bool:
    """Whether the Service wants an address from us."""
    spec = service["spec"]
    return spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass") and not is_deleting(service)


def held(service: Object) -> list[str]:
    """The addresses that a Service has."""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [one["ip"] for one in ingress if one.get("ip")]


def choose(service: Object, pool: Sequence[str], taken: Iterable[str]) -> str:
    """The address for a Service: the one that it asks for or has, or else the first free one. Raises NoAddress."""
    used, asked = set(taken), service["spec"].get("loadBalancerIP")
    if asked and asked not in pool:
        raise NoAddress(f"the requested address {asked} is not in the pool")
    if asked and asked in used:
        raise NoAddress(f"the requested address {asked} is in use")
    family = (service["spec"].get("ipFamilies") or ("IPv4",))[0]
    candidates = [asked] if asked else [*(ip for ip in held(service) if ip in pool), *pool]
    for ip in candidates:
        if ip not in used and (":" in ip) == (family == "IPv6"):
            return str(ip)
    raise NoAddress("no address is left in the pool")


class ServiceLoadBalancerController(Controller):
    """Hands addresses out and takes them back. One worker, so that no two Services get the same address."""

    name = "service-lb-controller"
    component = "service-controller"
    account = "service-controller"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.pool = pool_addresses(context.config.load_balancer_pool)
        self.services = self.watch(SERVICE, self._concerned)
        self.given: dict[Key, str] = {}  # what was written, as the informer may not show it yet

    def _concerned(self, service: Object) -> Iterable[Key]:
        """The Service, and those that still wait for an address, as one may have become free."""
        waiting = [one for one in self.services.items() if is_ours(one) and not held(one)]
        return {key_of(one) for one in (service, *waiting)}

    async def reconcile(self, key: Key) -> Action:
        service = self.services.get(key)
        if service is None or not is_ours(service):
            self.given.pop(key, None)
            if service is not None and held(service) and not is_deleting(service):
                await self._release(service)
            return WAIT
        return await self._ensure(key, service) if self.pool else WAIT

    async def _ensure(self, key: Key, service: Object) -> Action:
        try:
            ip = choose(service, self.pool, self._taken(key))
        except NoAddress as error:
            message = f"Error syncing load balancer: failed to ensure load balancer: {error}"
            self.recorder.event(service, WARNING, "SyncLoadBalancerFailed", message)
            return POOL_EMPTY
        if held(service) == [ip]:
            self.given.pop(key, None)
        elif self.given.get(key) != ip:
            await self._give(key, service, ip)
        return WAIT

    async def _give(self, key: Key, service: Object, ip: str) -> None:
        self.recorder.event(service, NORMAL, "EnsuringLoadBalancer", "Ensuring load balancer")
        await self._write(service, {"ingress": [{"ip": ip, "ipMode": "VIP"}]})
        self.given[key] = ip
        self.recorder.event(service, NORMAL, "EnsuredLoadBalancer", "Ensured load balancer")

    async def _release(self, service: Object) -> None:
        """The Service has another type, or another provider, now."""
        if service["spec"].get("loadBalancerClass"):
            return
        self.recorder.event(service, NORMAL, "DeletingLoadBalancer", "Deleting load balancer")
        await self._write(service, {})
        self.recorder.event(service, NORMAL, "DeletedLoadBalancer", "Deleted load balancer")

    async def _write(self, service: Object, load_balancer: Object) -> None:
        status = {**(service.get("status") or {}), "loadBalancer": load_balancer}
        await self.client.update(SERVICE, {**service, "status": status}, subresource="status")

    def _taken(self, key: Key) -> set[str]:
        shown = {ip for one in self.services.items() if key_of(one) != key for ip in held(one)}
        return shown | {ip for other, ip in self.given.items() if other != key}


CONTROLLER = ServiceLoadBalancerController
