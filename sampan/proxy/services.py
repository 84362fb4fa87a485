"""One Service as nftables: its chains, and its elements in the shared maps. Pure.

Chains of a port (names say whose they are, so that `nft list` can be read):
    service/<ns>/<name>/<proto>/<port>    any endpoint, picked at random
    local/...                             an endpoint on this node
    external/...                          what comes by NodePort, LoadBalancer or external IP, by externalTrafficPolicy
    firewall/...                          loadBalancerSourceRanges
    endpoint/.../<ip>/<port>              destination NAT to one endpoint
Rules follow kube-proxy's nftables mode (KEP-3866). Called by render.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, collapse_addresses
from typing import Any, NamedTuple

from sampan.kinds.addresses import is_ipv4
from sampan.machinery.meta import Object, key_of
from sampan.proxy.config import ProxyConfig
from sampan.proxy.endpoints import PROTOCOLS, Choice, Endpoint, choose
from sampan.proxy.ruleset import Chain, Fragment, SetSpec

REJECT = "goto reject-chain"
DROP = "drop"

_DEFAULT_AFFINITY_SECONDS = 10800

# Where packets that have endpoints are sent on, and where the others meet their end.
_BY_ADDRESS = ("service-ips", "no-endpoint-services")
_BY_NODE_PORT = ("service-nodeports", "no-endpoint-nodeports")

# Frontend of a UDP port -> its endpoints; "" as address means the node's NodePort addresses.
Flows = Mapping[tuple[str, int], frozenset[Endpoint]]


class Health(NamedTuple):
    """What a load balancer in front of the node asks for: how many of a Service's endpoints are here."""

    port: int  # the Service's healthCheckNodePort
    local_endpoints: int


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """What a Service contributes: nftables, UDP frontends whose conntrack entries must follow it, its health."""

    fragment: Fragment = field(default_factory=Fragment)
    flows: Flows = field(default_factory=dict)
    health: Health | None = None


NOTHING = ServiceRules()


def is_proxied(service: Object) -> bool:
    """Whether this proxy serves a Service: it has an IPv4 cluster IP and is not another proxy's."""
    spec = service["spec"]
    other = "service.kubernetes.io/service-proxy-name" in (service["metadata"].get("labels") or {})
    return not other and spec.get("type") != "ExternalName" and is_ipv4(spec.get("clusterIP") or "")


def service_rules(service: Object, slices: Iterable[Object], config: ProxyConfig) -> ServiceRules:
    """All that one Service contributes to the node's table."""
    if not is_proxied(service):
        return NOTHING
    slices = list(slices)
    ports = [port for port in service["spec"].get("ports") or () if port.get("protocol", "TCP") in PROTOCOLS]
    port_rules = [_Port(service, port, slices, config) for port in ports]
    chains: dict[str, Chain] = {}
    sets: dict[str, SetSpec] = {}
    elements: dict[str, dict[str, str]] = {"cluster-ips": {service["spec"]["clusterIP"]: ""}}
    flows: dict[tuple[str, int], frozenset[Endpoint]] = {}
    for port in port_rules:
        chains |= port.chains()
        sets |= port.sets()
        flows |= port.flows()
        for name, key, value in port.elements():
            elements.setdefault(name, {})[key] = value
    return ServiceRules(Fragment(chains, sets, elements), flows, _health(service, port_rules))


def _health(service: Object, ports: Iterable["_Port"]) -> Health | None:
    spec = service["spec"]
    number = spec.get("healthCheckNodePort")
    if not number or spec.get("type") != "LoadBalancer" or spec.get("externalTrafficPolicy") != "Local":
        return None
    return Health(number, len({endpoint.ip for port in ports for endpoint in port.choice.local}))


class _Port:
    """One port of a Service, with its endpoints."""

    def __init__(self, service: Object, port: Mapping[str, Any], slices: list[Object], config: ProxyConfig) -> None:
        spec = service["spec"]
        key = key_of(service)
        self.config = config
        self.protocol = port.get("protocol", "TCP").lower()
        self.number: int = port["port"]
        self.node_port: int = port.get("nodePort") or 0
        self.name = f"{key.namespace}/{key.name}/{self.protocol}/{self.number}"
        self.cluster_ip: str = spec["clusterIP"]
        self.choice: Choice = choose(
            slices, port.get("name") or "", port.get("protocol", "TCP"), config.node_name, config.zone
        )
        self.affinity = _affinity_seconds(spec)
        self.internal_local = spec.get("internalTrafficPolicy") == "Local"
        self.balancer_ips = _balancer_ips(service)
        self.external_ips = _external_ips(spec, config) + self.balancer_ips
        self.exposed = bool(self.node_port or self.external_ips)
        self.external_local = self.exposed and spec.get("externalTrafficPolicy") == "Local"
        self.source_ranges = _source_ranges(service) if self.balancer_ips else []

    # Chains

    def chains(self) -> dict[str, Chain]:
        choice = self.choice
        named = [
            (f"service/{self.name}", self._service_chain(), bool(choice.cluster)),
            (f"local/{self.name}", self._pick(choice.local), self._needs_local and bool(choice.local)),
            (f"external/{self.name}", self._external_chain(), self.exposed and bool(choice.cluster)),
            (f"firewall/{self.name}", self._firewall_chain(), bool(self.source_ranges)),
        ]
        chains = {name: Chain(tuple(rules)) for name, rules, needed in named if needed}
        for endpoint in self._endpoints():
            chains[self._endpoint_name(endpoint)] = Chain(tuple(self._endpoint_chain(endpoint)))
        return chains

    @property
    def _needs_local(self) -> bool:
        return self.internal_local or self.external_local

    def _endpoints(self) -> Iterator[Endpoint]:
        """Those that some chain names, each once."""
        yield from self.choice.cluster
        if self._needs_local:
            yield from (endpoint for endpoint in self.choice.local if endpoint not in self.choice.cluster)

    def _endpoint_name(self, endpoint: Endpoint) -> str:
        return f"endpoint/{self.name}/{endpoint.ip}/{endpoint.port}"

    def _service_chain(self) -> Iterator[str]:
        here = f"ip daddr {self.cluster_ip} {self.protocol} dport {self.number}"
        yield f"{here} ip saddr != {self.config.pod_cidr} jump mark-for-masquerade"
        yield from self._pick(self.choice.cluster)

    def _pick(self, endpoints: tuple[Endpoint, ...]) -> Iterator[str]:
        """The client's last endpoint where it sticks to one, else any."""
        if self.affinity:
            for endpoint in endpoints:
                yield f"ip saddr @{self._affinity_name(endpoint)} goto {self._endpoint_name(endpoint)}"
        ways = ", ".join(f"{i} : goto {self._endpoint_name(endpoint)}" for i, endpoint in enumerate(endpoints))
        yield f"numgen random mod {len(endpoints)} vmap {{ {ways} }}"

    def _external_chain(self) -> Iterator[str]:
        if not self.external_local:
            yield "jump mark-for-masquerade"
            yield f"goto service/{self.name}"
            return
        # Pods and processes of the cluster don't come from outside: they get any endpoint.
        yield f"ip saddr {self.config.pod_cidr} goto service/{self.name}"
        yield "fib saddr type local jump mark-for-masquerade"
        yield f"fib saddr type local goto service/{self.name}"
        if self.choice.local:
            yield f"goto local/{self.name}"

    def _firewall_chain(self) -> Iterator[str]:
        yield f"ip saddr != {{ {', '.join(self.source_ranges)} }} drop"

    def _endpoint_chain(self, endpoint: Endpoint) -> Iterator[str]:
        yield f"ip saddr {endpoint.ip} jump mark-for-masquerade"  # a pod that reaches itself: the answer must come back
        if self.affinity:
            yield f"update @{self._affinity_name(endpoint)} {{ ip saddr }}"
        yield f"meta l4proto {self.protocol} dnat to {endpoint.ip}:{endpoint.port}"

    # Sets and elements

    def _affinity_name(self, endpoint: Endpoint) -> str:
        return f"affinity/{self.name}/{endpoint.ip}/{endpoint.port}/{self.affinity}"

    def sets(self) -> dict[str, SetSpec]:
        if not self.affinity:
            return {}
        text = f"type ipv4_addr ; flags dynamic,timeout ; timeout {self.affinity}s"
        return {self._affinity_name(endpoint): SetSpec("set", text) for endpoint in self._endpoints()}

    def elements(self) -> Iterator[tuple[str, str, str]]:
        """(set, key, value) for every way in."""
        port = f"{self.protocol} . {self.number}"
        yield from _way(_BY_ADDRESS, f"{self.cluster_ip} . {port}", self._internal())
        for ip in self.external_ips:
            yield from _way(_BY_ADDRESS, f"{ip} . {port}", self._external())
        for ip in self.balancer_ips if self.source_ranges else ():
            yield "firewall-ips", f"{ip} . {port}", f"goto firewall/{self.name}"
        if self.node_port:
            yield from _way(_BY_NODE_PORT, f"{self.protocol} . {self.node_port}", self._external())

    def _internal(self) -> tuple[str, str]:
        """(where packets to the cluster IP go, what becomes of those that went nowhere); "" for neither."""
        if not self.choice.cluster:
            return "", REJECT
        if self.internal_local:
            return (f"goto local/{self.name}", "") if self.choice.local else ("", DROP)
        return f"goto service/{self.name}", ""

    def _external(self) -> tuple[str, str]:
        if not self.choice.cluster:
            return "", REJECT
        # The chain itself falls through for outside clients when no endpoint is on this node.
        stranded = self.external_local and not self.choice.local
        return f"goto external/{self.name}", DROP if stranded else ""

    # Conntrack

    def flows(self) -> dict[tuple[str, int], frozenset[Endpoint]]:
        """The frontends of a UDP port; others need no help, their connections end by themselves."""
        if self.protocol != "udp":
            return {}
        endpoints = frozenset(self._endpoints())
        frontends = [(ip, self.number) for ip in (self.cluster_ip, *self.external_ips)]
        if self.node_port:
            frontends.append(("", self.node_port))
        return dict.fromkeys(frontends, endpoints)


def _way(maps: tuple[str, str], key: str, verdicts: tuple[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, verdict in zip(maps, verdicts, strict=True):
        if verdict:
            yield name, key, verdict


def _affinity_seconds(spec: Mapping[str, Any]) -> int:
    """How long a client sticks to an endpoint; 0 for not at all."""
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    client = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return client.get("timeoutSeconds") or _DEFAULT_AFFINITY_SECONDS


def _balancer_ips(service: Object) -> list[str]:
    """Addresses of the load balancer that arrive here as they are (KEP-1860: ipMode VIP)."""
    if service["spec"].get("type") != "LoadBalancer":
        return []
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [point["ip"] for point in ingress if is_ipv4(point.get("ip", "")) and point.get("ipMode") != "Proxy"]


def _external_ips(spec: Mapping[str, Any], config: ProxyConfig) -> list[str]:
    """externalIPs, but for cluster IPs: nobody may take those from another Service, least of all the DNS server's."""
    ours = IPv4Network(config.service_cidr)
    return [ip for ip in spec.get("externalIPs") or () if is_ipv4(ip) and IPv4Address(ip) not in ours]


def _source_ranges(service: Object) -> list[str]:
    """loadBalancerSourceRanges without overlaps; empty when all may come."""
    networks = []
    for text in service["spec"].get("loadBalancerSourceRanges") or ():
        try:
            networks.append(IPv4Network(text.strip(), strict=False))
        except ValueError:
            continue  # an IPv6 range: none of its addresses comes here
    everyone = any(network.prefixlen == 0 for network in networks)
    return [] if everyone else [str(network) for network in collapse_addresses(networks)]
