"""The ports of its node that a pod wants. Called by the scheduler and by the kubelet. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_ANY = "0.0.0.0"


class HostPort(NamedTuple):
    """A port of the node that a container wants."""

    ip: str  # "0.0.0.0" for every address
    protocol: str
    port: int

    def conflicts_with(self, other: "HostPort") -> bool:
        """Whether both cannot be had: the same port, and addresses that overlap."""
        if self.port != other.port or self.protocol != other.protocol:
            return False
        return self.ip == other.ip or _ANY in (self.ip, other.ip)


def host_ports(spec: Mapping[str, Any]) -> Iterator[HostPort]:
    """Those of its containers and sidecars."""
    init = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in [*spec["containers"], *init]:
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                yield HostPort(port.get("hostIP") or _ANY, port.get("protocol") or "TCP", port["hostPort"])
