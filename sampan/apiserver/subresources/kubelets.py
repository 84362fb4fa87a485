"""Where a node's kubelet listens, as its Node says. Pure.

Rules: k8s.io/kubernetes/pkg/kubelet/client (GetConnectionInfo), with the types of addresses that kubeadm sets.
"""

import re
from typing import Any

from sampan.kinds.addresses import is_ipv4, is_ipv6
from sampan.kinds.core.node import SIMULATED_LABEL
from sampan.machinery.errors import BadRequest, InternalError
from sampan.machinery.meta import Object, labels_of
from sampan.machinery.tree import get_path

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_DEFAULT_PORT = 10250
_ADDRESS_TYPES = ("InternalIP", "Hostname", "ExternalIP")


def refuse_simulated(node: Object | None, what: str) -> None:
    """A simulated node has neither a kubelet to dial nor containers; raises BadRequest. `what`: "pod web is"."""
    if node is not None and SIMULATED_LABEL in labels_of(node):
        name = node["metadata"]["name"]
        raise BadRequest(
            f"{what} on the simulated node {name}: no container runs there, and nothing can be connected to"
        )


def node_address(node: Object) -> str:
    """The preferred one of a node's addresses; raises InternalError where there is none."""
    addresses: list[dict[str, Any]] = get_path(node, ("status", "addresses"), [])
    for wanted in _ADDRESS_TYPES:
        for address in addresses:
            if address.get("type") == wanted and address.get("address"):
                return _checked(str(address["address"]))
    raise InternalError(f"no preferred addresses found; known addresses: {addresses}")


def _checked(address: str) -> str:
    """What can stand in a URL as a host; nodes may call themselves anything."""
    if is_ipv4(address) or is_ipv6(address) or _NAME.fullmatch(address):
        return address
    raise InternalError(f'Internal error occurred: the node\'s address "{address}" is neither an IP address nor a name')


def node_port(node: Object) -> int:
    """The port of a node's kubelet."""
    return int(get_path(node, ("status", "daemonEndpoints", "kubeletEndpoint", "Port"), 0)) or _DEFAULT_PORT
