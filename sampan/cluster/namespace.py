"""A further node's network namespace and its link to this machine: a veth pair, an address at each end, routes.

What is inside the namespace beyond that (pods' gateway, routes, Service rules) is the node's own to set up, as on any
machine: network.py. Called in the server before the node's process is started, and when a cluster is taken down.
"""

from collections.abc import Sequence
from pathlib import Path

from sampan.cluster.further import INTERFACE, FurtherNode
from sampan.cluster.network import ROUTE_PROTOCOL, run

_NAMESPACES = Path("/run/netns")  # where `ip netns` has them
_LINKS = Path("/sys/class/net")


def machine_commands(node: FurtherNode) -> list[str]:
    """Lines for `ip -batch` on this machine; they may be run again at any time."""
    here = f"dev {node.interface} src {node.machine} proto {ROUTE_PROTOCOL}"
    return [
        f"link set {node.interface} up",
        f"address replace {node.machine}/32 dev {node.interface}",
        f"route replace {node.address}/32 {here}",
        f"route replace {node.pod_cidr} via {node.address} {here} onlink",
    ]


def node_commands(node: FurtherNode) -> list[str]:
    """The same inside of the namespace."""
    return [
        "link set lo up",
        f"link set {INTERFACE} up",
        f"address replace {node.address}/32 dev {INTERFACE}",
        f"route replace {node.machine}/32 dev {INTERFACE} src {node.address}",
        f"route replace default via {node.machine} dev {INTERFACE} src {node.address}",
    ]


def entering(node: FurtherNode, command: Sequence[str]) -> list[str]:
    """A command that becomes `command` in the node's network; files, processes and cgroups are this machine's."""
    return ["nsenter", f"--net={path(node)}", *command]


def path(node: FurtherNode) -> Path:
    """Where the namespace is found."""
    return _NAMESPACES / node.namespace


async def connect(node: FurtherNode) -> None:
    """Make what is missing of the namespace and the link. Raises NetworkError, OSError."""
    if not path(node).exists():
        await disconnect(node)  # a link that leads to a namespace whose name somebody took away
        await run("ip", "netns", "add", node.namespace)
    if not (_LINKS / node.interface).exists():
        peer = ("peer", "name", INTERFACE, "netns", node.namespace)
        await run("ip", "link", "add", node.interface, "type", "veth", *peer)
    # inside first: a route on this machine leads to somebody then
    await run("ip", "-n", node.namespace, "-batch", "-", text=_lines(node_commands(node)))
    await run("ip", "-batch", "-", text=_lines(machine_commands(node)))


async def disconnect(node: FurtherNode) -> None:
    """Remove both; no process may be left in the namespace. May be called twice. Raises NetworkError, OSError."""
    if (_LINKS / node.interface).exists():
        await run("ip", "link", "del", node.interface)
    if path(node).exists():
        await run("ip", "netns", "del", node.namespace)


def _lines(commands: Sequence[str]) -> str:
    return "\n".join(commands) + "\n"
