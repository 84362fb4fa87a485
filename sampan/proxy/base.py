"""The part of the table that is always there: hooks, maps and shared chains. Pure.

The way of a packet: `services` (destination NAT, before routing) looks its address up in `service-ips`, then
`service-nodeports`, then `hostports`, and goes to a Service's chain. What no Service took although it is addressed to
one meets `no-endpoint-*` and `cluster-ips-check` in the filter hooks. `masquerading` is source NAT, after routing.
Structure as in kube-proxy's nftables mode (KEP-3866).
"""

from sampan.proxy.config import ProxyConfig
from sampan.proxy.ruleset import Chain, Fragment, SetSpec

# The bit by which destination NAT tells source NAT to masquerade; kube-proxy's default.
MASQUERADE_BIT = "0x4000"

SERVICE_KEY = "ip daddr . meta l4proto . th dport"
PORT_KEY = "meta l4proto . th dport"

# Filters in front of destination NAT see the address that the client used; those behind see the endpoint's.
_BEFORE_DNAT, _AFTER_DNAT = "-110", "-90"


def base(config: ProxyConfig) -> Fragment:
    """Everything that does not depend on any Service."""
    return Fragment(_hooks() | _shared_chains(config), _sets(), _elements(config))


def _sets() -> dict[str, SetSpec]:
    address_port = "type ipv4_addr . inet_proto . inet_service : verdict"
    port = "type inet_proto . inet_service : verdict"
    return {
        "service-ips": SetSpec("map", address_port),
        "service-nodeports": SetSpec("map", port),
        "no-endpoint-services": SetSpec("map", address_port),
        "no-endpoint-nodeports": SetSpec("map", port),
        "firewall-ips": SetSpec("map", address_port),
        "hostport-ips": SetSpec("map", address_port),
        "hostports": SetSpec("map", port),
        "nodeport-ips": SetSpec("set", "type ipv4_addr"),
        "cluster-ips": SetSpec("set", "type ipv4_addr"),
    }


def _elements(config: ProxyConfig) -> dict[str, dict[str, str]]:
    return {"nodeport-ips": dict.fromkeys(config.node_ips, "")}


def _hooks() -> dict[str, Chain]:
    endpoints, addresses = "ct state new jump service-endpoints-check", "ct state new jump cluster-ips-check"
    firewall = ("ct state new jump firewall-check",)
    return {
        "nat-prerouting": Chain(("jump services",), "nat hook prerouting priority -100"),
        "nat-output": Chain(("jump services",), "nat hook output priority -100"),
        "nat-postrouting": Chain(("jump masquerading",), "nat hook postrouting priority 100"),
        "filter-prerouting": Chain(firewall, f"filter hook prerouting priority {_BEFORE_DNAT}"),
        "filter-output-firewall": Chain(firewall, f"filter hook output priority {_BEFORE_DNAT}"),
        "filter-input": Chain((endpoints,), f"filter hook input priority {_BEFORE_DNAT}"),
        "filter-forward": Chain((endpoints, addresses), f"filter hook forward priority {_BEFORE_DNAT}"),
        "filter-output": Chain((endpoints, addresses), f"filter hook output priority {_AFTER_DNAT}"),
    }


def _shared_chains(config: ProxyConfig) -> dict[str, Chain]:
    services = (
        f"{SERVICE_KEY} vmap @service-ips",
        f"ip daddr @nodeport-ips {PORT_KEY} vmap @service-nodeports",
        f"fib daddr type local {SERVICE_KEY} vmap @hostport-ips",  # of this node only: others' packets are not ours
        f"fib daddr type local ip daddr != 127.0.0.0/8 {PORT_KEY} vmap @hostports",
    )
    endpoints = (
        f"{SERVICE_KEY} vmap @no-endpoint-services",
        f"ip daddr @nodeport-ips {PORT_KEY} vmap @no-endpoint-nodeports",
    )
    return {
        "services": Chain(services),
        "firewall-check": Chain((f"{SERVICE_KEY} vmap @firewall-ips",)),
        "service-endpoints-check": Chain(endpoints),
        "cluster-ips-check": Chain(_cluster_ips_check(config)),
        "mark-for-masquerade": Chain((f"meta mark set meta mark or {MASQUERADE_BIT}",)),
        "masquerading": Chain(_masquerading(config)),
        # A reset is heard at once. ICMP answering a process of this machine comes while connect() still holds the
        # socket, which then waits for its first retransmission, a second later.
        "reject-chain": Chain(("meta l4proto tcp reject with tcp reset", "reject")),
    }


def _cluster_ips_check(config: ProxyConfig) -> tuple[str, ...]:
    rules = ["ip daddr @cluster-ips goto reject-chain"]
    if config.lb_pool:
        rules.append(f"ip daddr {config.lb_pool} goto reject-chain")
    rules.append(f"ip daddr {config.service_cidr} drop")
    return tuple(rules)


def _masquerading(config: ProxyConfig) -> tuple[str, ...]:
    marked = f"meta mark and {MASQUERADE_BIT} != 0"
    rules = [f"{marked} meta mark set meta mark xor {MASQUERADE_BIT} masquerade fully-random"]
    if config.masquerade:
        inside = ", ".join(cidr for cidr in (config.pod_cidr, config.service_cidr, config.lb_pool) if cidr)
        egress = f'oifname != "lo" ip saddr {config.pod_cidr} ip daddr != {{ {inside} }}'
        rules.append(f"{egress} masquerade fully-random")
    return tuple(rules)
