"""kube-proxy of one node: keeps its nftables table equal to what Services, EndpointSlices and host ports ask for.

Callbacks of the informers only note what changed; one loop renders that, and applies the difference as one transaction.
Whatever changes while a transaction runs goes into the next one, so nothing waits for a timer. The table is replaced
whole at the start and whenever the kernel's can't be relied upon any more: a refused script, or a table that somebody
else deleted. It stays when the proxy ends: pods outlive a restart. Started by cluster/.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.meta import Key, Object, key_of, labels_of
from sampan.proxy.config import ProxyConfig
from sampan.proxy.conntrack import forget_stale
from sampan.proxy.health import HealthServers
from sampan.proxy.nft import Nft, NftError
from sampan.proxy.render import FlowChanges, Renderer, slice_owner
from sampan.proxy.ruleset import RuleSet, diff, full
from sampan.proxy.tablewatch import watching
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0
_BY_SERVICE = "service"
_ZONE = "topology.kubernetes.io/zone"


class Proxy:
    """One node's proxy."""

    def __init__(self, client: Client, config: ProxyConfig, clock: Clock) -> None:
        self.config = config
        self._clock = clock
        self._informers = Informers(client, sleep=clock.sleep)
        self._services = self._informers.of(SERVICE)
        self._slices = self._informers.of(ENDPOINT_SLICE)
        self._pods = self._informers.of(POD, fields=f"spec.nodeName={config.node_name}")
        self._nodes = self._informers.of(NODE, fields=f"metadata.name={config.node_name}")
        self._renderer = Renderer(config)
        self._health = HealthServers(config.node_ips)
        self._changed_services: set[Key] = set()
        self._changed_pods: set[Key] = set()
        self._changed = asyncio.Event()
        self._applied: RuleSet | None = None  # None: the kernel's table is unknown

    async def run(self, ready: Callable[[], None]) -> None:
        """Follow the API until cancelled; `ready` is called once the first table is in place."""
        self._subscribe()
        async with self._health, asyncio.TaskGroup() as group:
            with Nft() as nft:
                self._informers.run(group)
                await self._informers.synced()
                await self._sync(nft)
                with watching(self.config.table, self._lost):
                    ready()
                    while True:
                        await self._changed.wait()
                        await self._sync(nft)

    def _subscribe(self) -> None:
        self._slices.add_index(_BY_SERVICE, _owner_index)
        self._services.on_change(self._on_service)
        self._slices.on_change(self._on_slice)
        self._pods.on_change(self._on_pod)
        self._nodes.on_change(self._on_node)

    def _on_service(self, old: Object | None, new: Object | None) -> None:
        self._note(self._changed_services, *_keys(old, new))

    def _on_slice(self, old: Object | None, new: Object | None) -> None:
        owners = (slice_owner(obj) for obj in (old, new) if obj)
        self._note(self._changed_services, *(owner for owner in owners if owner))

    def _on_pod(self, old: Object | None, new: Object | None) -> None:
        self._note(self._changed_pods, *_keys(old, new))

    def _on_node(self, old: Object | None, new: Object | None) -> None:
        """Of a node that is gone nothing new is known."""
        if new is not None and self._renderer.set_zone(labels_of(new).get(_ZONE) or ""):
            self._note(self._changed_services, *map(key_of, self._services.items()))

    def _note(self, where: set[Key], *keys: Key) -> None:
        where.update(keys)
        self._changed.set()

    def _lost(self) -> None:
        log.warning("nftables table %s was deleted by somebody else; it is made anew", self.config.table)
        self._applied = None
        self._changed.set()

    async def _sync(self, nft: Nft) -> None:
        """Apply what has changed so far."""
        self._changed.clear()
        flows = self._render()
        wanted = self._renderer.ruleset()
        try:
            await self._apply(nft, wanted)
        except NftError as error:
            log.error("nftables refused the table %s: %s", self.config.table, error)
            self._applied = None
            await self._clock.sleep(_RETRY_SECONDS)
            self._changed.set()
        await self._health.serve(self._renderer.health())
        if flows:
            await asyncio.to_thread(_forget_stale, flows, self.config.node_ips)

    async def _apply(self, nft: Nft, wanted: RuleSet) -> None:
        if self._applied is not None:
            try:
                if script := diff(self._applied, wanted):
                    await nft.run(script)
                self._applied = wanted
                return
            except NftError as error:
                log.warning("nftables refused a change, so the whole table is replaced: %s", error)
        await nft.run(full(wanted))
        self._applied = wanted

    def _render(self) -> FlowChanges:
        """Render what changed; returns the UDP frontends whose flows may be stale."""
        flows: FlowChanges = {}
        for key in _drain(self._changed_services):
            slices = self._slices.by(_BY_SERVICE, str(key))
            flows |= self._renderer.set_service(key, self._services.get(key), slices)
        for key in _drain(self._changed_pods):
            self._renderer.set_pod(key, self._pods.get(key))
        return flows


def _owner_index(endpoint_slice: Object) -> list[str]:
    owner = slice_owner(endpoint_slice)
    return [str(owner)] if owner else []


def _keys(*objects: Object | None) -> Iterator[Key]:
    return (key_of(obj) for obj in objects if obj)


def _drain(keys: set[Key]) -> list[Key]:
    found = list(keys)
    keys.clear()
    return found


def _forget_stale(flows: FlowChanges, node_ips: tuple[str, ...]) -> None:
    try:
        forget_stale(flows, node_ips)
    except OSError as error:  # the rules are right all the same; old flows end by themselves
        log.warning("stale UDP flows can't be deleted: %s", error)
