"""What the DNS server must know. Made by cluster/, read by everything in this room."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DNSConfig:
    """CIDRs and addresses are strings; times are in seconds."""

    listen: tuple[tuple[str, int], ...]  # (address, port), each for UDP and TCP
    service_cidr: str
    pod_cidr: str
    dns_ip: str  # the Service address under which clients know this server
    domain: str = "cluster.local"
    ttl: int = 5  # of names inside the cluster; CoreDNS's kubernetes plugin has the same default
    upstreams: tuple[str, ...] = ()  # addresses, port 53 unless "address:port"; none means those of resolv_conf
    resolv_conf: Path = Path("/etc/resolv.conf")
