"""From API objects to the node's whole table. Pure, but for remembering what each object came to.

`Renderer` keeps every object's part, so that a change renders one Service and not all; `render` is the same from
nothing. Called by proxy.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sampan.machinery.meta import Key, Object, key_of
from sampan.proxy.base import base
from sampan.proxy.config import ProxyConfig
from sampan.proxy.endpoints import Endpoint
from sampan.proxy.hostports import pod_rules
from sampan.proxy.ruleset import Fragment, RuleSet, assemble
from sampan.proxy.services import NOTHING, Health, ServiceRules, service_rules

SERVICE_NAME_LABEL = "kubernetes.io/service-name"

# UDP frontends and their endpoints of today; those of a frontend that is gone are empty.
FlowChanges = dict[tuple[str, int], frozenset[Endpoint]]


def slice_owner(endpoint_slice: Object) -> Key | None:
    """The Service that an EndpointSlice belongs to, by its label."""
    meta = endpoint_slice["metadata"]
    name = (meta.get("labels") or {}).get(SERVICE_NAME_LABEL)
    return Key(meta["namespace"], name) if name else None


def render(
    services: Iterable[Object], slices: Iterable[Object], pods: Iterable[Object], config: ProxyConfig
) -> RuleSet:
    """The table for these objects. `pods` are those of this node."""
    renderer = Renderer(config)
    owned: dict[Key | None, list[Object]] = {}
    for endpoint_slice in slices:
        owned.setdefault(slice_owner(endpoint_slice), []).append(endpoint_slice)
    for service in services:
        renderer.set_service(key_of(service), service, owned.get(key_of(service), ()))
    for pod in pods:
        renderer.set_pod(key_of(pod), pod)
    return renderer.ruleset()


class Renderer:
    """The parts of the table, by object."""

    def __init__(self, config: ProxyConfig) -> None:
        self._config = config
        self._base = base(config)
        self._services: dict[Key, ServiceRules] = {}
        self._pods: dict[Key, Fragment] = {}

    def set_zone(self, zone: str) -> bool:
        """Take over the node's zone ("" for none); returns whether it is another one: Services must be set anew."""
        changed, self._config = zone != self._config.zone, replace(self._config, zone=zone)
        return changed

    def set_service(self, key: Key, service: Object | None, slices: Iterable[Object]) -> FlowChanges:
        """Take over a Service (None: it is gone) with its slices; returns the UDP frontends that changed."""
        old = self._services.pop(key, NOTHING)
        new = service_rules(service, slices, self._config) if service else NOTHING
        if service:
            self._services[key] = new
        return _changed_flows(old.flows, new.flows)

    def set_pod(self, key: Key, pod: Object | None) -> None:
        """Take over a pod of this node (None: it is gone)."""
        self._pods.pop(key, None)
        if pod and (rules := pod_rules(pod)).chains:
            self._pods[key] = rules

    def health(self) -> dict[Key, Health]:
        """The Services whose load balancers ask this node for its endpoints."""
        return {key: rules.health for key, rules in self._services.items() if rules.health}

    def ruleset(self) -> RuleSet:
        """The table of all parts; independent of the order in which they came."""
        services = [self._services[key].fragment for key in sorted(self._services)]
        pods = [self._pods[key] for key in sorted(self._pods)]
        return assemble(self._config.table, [self._base, *services, *pods])


def _changed_flows(
    old: Mapping[tuple[str, int], frozenset[Endpoint]], new: Mapping[tuple[str, int], frozenset[Endpoint]]
) -> FlowChanges:
    """Frontends that lost endpoints or got their first ones: their flows may lead where nobody is."""
    changes: FlowChanges = {}
    for frontend in old.keys() | new.keys():
        before, now = old.get(frontend, frozenset()), new.get(frontend, frozenset())
        if before - now or (now and not before):
            changes[frontend] = now
    return changes
