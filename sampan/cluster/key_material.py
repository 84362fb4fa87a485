"""Where a cluster's API server is reached, which key material that takes, and what the server has of it.

Called by components.py, at a start and whenever certificates have been renewed.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from ipaddress import IPv4Network

from sampan.apiserver.config import KeyMaterial
from sampan.cluster.config import ClusterConfig
from sampan.cluster.further import FurtherNode, further_nodes
from sampan.cluster.pki import PKI, Wanted

PROXY_USER = "system:kube-proxy"
PROXY_PAIR = "kube-proxy"  # one for all further nodes; the first one's proxy needs none


def pki_of(config: ClusterConfig, now: Callable[[], datetime]) -> PKI:
    """The key material of a cluster, for all the names and addresses that it is reached by."""
    first_service_ip = str(IPv4Network(config.service_cidr)[1])
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{config.domain}")
    listen = listen_addresses(config)
    hosts = dict.fromkeys(("localhost", "127.0.0.1", config.node_ip, first_service_ip, *names, *listen))
    hosts.pop("0.0.0.0", None)
    return PKI(
        directory=config.directory / "pki",
        server_hosts=list(hosts),
        node_name=config.name,
        node_hosts=[config.name, config.node_ip],
        further=list(_further(config)),
        now=now,
    )


def kubelet_pair(node: FurtherNode) -> str:
    """The certificate of a further node's kubelet, as a client and as a server."""
    return f"kubelet-{node.name}"


def _further(config: ClusterConfig) -> Iterator[Wanted]:
    for node in further_nodes(config):
        yield Wanted(kubelet_pair(node), f"system:node:{node.name}", ("system:nodes",), (node.name, node.address))
    if config.nodes:
        yield Wanted(PROXY_PAIR, PROXY_USER)


def key_material(pki: PKI) -> KeyMaterial:
    """The API server's part."""
    serving, front_proxy, kubelets = map(pki.pair, ("apiserver", "front-proxy-client", "apiserver-kubelet-client"))
    return KeyMaterial(
        certificate=serving.certificate,
        key=serving.key,
        client_ca=pki.read("ca.crt"),
        requestheader_ca=pki.read("front-proxy-ca.crt"),
        front_proxy_certificate=front_proxy.certificate,
        front_proxy_key=front_proxy.key,
        kubelet_client_certificate=kubelets.certificate,
        kubelet_client_key=kubelets.key,
        kubelet_ca=pki.read("ca.crt"),
    )


def listen_addresses(config: ClusterConfig) -> tuple[str, ...]:
    """Loopback and the node's address (pods reach that one); loopback alone where there is no node.

    Who chooses loopback wants the API closed to the network, not to pods: they get their gateway's address.
    """
    if config.control_plane_only:
        return (config.listen or "127.0.0.1",)
    first = config.listen or "127.0.0.1"
    if first == "127.0.0.1":
        return tuple(dict.fromkeys((first, advertised_address(config))))
    return (first,)


def advertised_address(config: ClusterConfig) -> str:
    """Where Service default/kubernetes leads: one of listen_addresses that pods can reach."""
    if config.listen == "127.0.0.1" and not config.control_plane_only:
        return config.gateway
    return config.node_ip if config.listen in ("", "0.0.0.0", "127.0.0.1") else config.listen
