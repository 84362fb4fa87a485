"""Where a node's kubelet listens, as its Node says. Pure.

Rules: k8s.io/kubernetes/pkg/kubelet/client (GetConnectionInfo), with the types of addresses that kubeadm sets.
"""

from typing import Any

from sampan.machinery.errors import InternalError
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path

_DEFAULT_PORT = 10250
_ADDRESS_TYPES = ("InternalIP", "Hostname", "ExternalIP")


def node_address(node: Object) -> str:
    """The preferred one of a node's addresses; raises InternalError where there is none."""
    addresses: list[dict[str, Any]] = get_path(node, ("status", "addresses"), [])
    for wanted in _ADDRESS_TYPES:
        for address in addresses:
            if address.get("type") == wanted and address.get("address"):
                return str(address["address"])
    raise InternalError(f"no preferred addresses found; known addresses: {addresses}")


def node_port(node: Object) -> int:
    """The port of a node's kubelet."""
    return int(get_path(node, ("status", "daemonEndpoints", "kubeletEndpoint", "Port"), 0)) or _DEFAULT_PORT
