"""What the proxy of one node must know. Made by cluster/, read by everything in this room."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    """CIDRs and addresses are strings; the node's addresses are those on which NodePorts answer."""

    table: str  # the cluster's nftables table, family ip
    node_name: str
    node_ips: tuple[str, ...]
    pod_cidr: str  # of the whole cluster: what comes from there needs no masquerading towards a Service
    service_cidr: str
    lb_pool: str = ""  # LoadBalancer addresses end here, so wrong ports on them are refused
    zone: str = ""  # topology.kubernetes.io/zone of the node, until its Node says so
    masquerade: bool = True  # what pods send out of the cluster leaves with the node's address
