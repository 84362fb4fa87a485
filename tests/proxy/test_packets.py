"""Real packets through the rendered table: from pods, from the node itself and from outside."""

import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sampan.cluster.network import Network, NetworkConfig
from sampan.machinery.meta import Object
from sampan.proxy.conntrack import forget_stale
from sampan.proxy.nft import Nft
from sampan.proxy.render import render
from sampan.proxy.ruleset import diff, full
from tests.netlab import GATEWAY, Lab, in_namespace
from tests.proxy.objects import CONFIG, endpoint, endpoint_slice, pod, port, service

pytestmark = pytest.mark.node
UDP = socket.SOCK_DGRAM
NODE, OUTSIDE = "192.0.2.1", "192.0.2.9"
A, B, C = "10.244.0.2", "10.244.0.3", "10.244.0.4"


class Cluster(Lab):
    """Three pods that tell their names on port 8080, TCP and UDP, and a neighbour outside."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        config = NetworkConfig(
            name="test",
            state=state,
            pod_cidr=CONFIG.pod_cidr,
            node_pod_cidr="10.244.0.0/24",
            service_cidr=CONFIG.service_cidr,
            lb_pool=CONFIG.lb_pool,
            run_dir=state,
        )
        self.run(Network(config).up)
        self.pods = {name: self.pod(name, ip) for name, ip in (("a", A), ("b", B), ("c", C))}
        self.outside = self.neighbour("o", OUTSIDE, NODE)
        for (name, space), ip in zip(self.pods.items(), (A, B, C), strict=True):
            self.serve(space, ip, 8080, name)
            self.serve(space, ip, 8080, name, UDP)

    def apply(self, services: list[Object], slices: list[Object], pods: list[Object] | None = None) -> None:
        script = full(render(services, slices, pods or [], CONFIG))

        async def run() -> None:
            with Nft() as nft:
                await nft.run(script)

        self.run(run)

    def forwards(self, *addresses: str, **spec: object) -> None:
        """One Service `s` on 10.96.0.1:80 to these endpoints."""
        self.apply([service("s", **spec)], [endpoint_slice("s", *map(endpoint, addresses))])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("network"))
    yield made
    made.close()


def test_pods_and_the_node_reach_a_cluster_ip(cluster: Cluster) -> None:
    cluster.forwards(B)
    assert cluster.ask(cluster.pods["a"], "10.96.0.1", 80) == ["b", A]
    assert cluster.ask(cluster.node, "10.96.0.1", 80) == ["b", GATEWAY]


def test_connections_spread_evenly_over_all_endpoints(cluster: Cluster) -> None:
    cluster.forwards(A, B, C)
    seen = Counter(cluster.ask(cluster.node, "10.96.0.1", 80)[0] for _ in range(150))
    assert set(seen) == {"a", "b", "c"}
    assert min(seen.values()) > 20  # 50 expected; less than 20 happens once in ten million runs


def test_a_pod_reaches_itself_through_its_service(cluster: Cluster) -> None:
    cluster.forwards(A)
    assert cluster.ask(cluster.pods["a"], "10.96.0.1", 80) == ["a", GATEWAY]


def test_a_client_sticks_to_its_endpoint_when_asked_to(cluster: Cluster) -> None:
    cluster.forwards(A, B, C, sessionAffinity="ClientIP")
    assert len({cluster.ask(cluster.pods["a"], "10.96.0.1", 80)[0] for _ in range(12)}) == 1


def test_no_endpoints_means_refused_at_once(cluster: Cluster) -> None:
    cluster.apply([service("s", type="NodePort", ports=[port(node_port=30080), port(53, protocol="UDP")])], [])
    for space in (cluster.pods["a"], cluster.node):
        for address, number in (("10.96.0.1", 80), ("10.96.0.1", 81), (NODE, 30080)):
            with pytest.raises(ConnectionRefusedError):
                cluster.ask(space, address, number)
        with pytest.raises((ConnectionRefusedError, PermissionError)):  # the latter from this node: not even sent
            cluster.ask(space, "10.96.0.1", 53, UDP)
    with pytest.raises(ConnectionRefusedError):
        cluster.ask(cluster.outside, NODE, 30080)


def test_a_node_port_answers_pods_node_and_outside(cluster: Cluster) -> None:
    cluster.forwards(B, type="NodePort", ports=[port(node_port=30080)])
    for space in (cluster.pods["a"], cluster.pods["b"], cluster.node, cluster.outside):
        assert cluster.ask(space, NODE, 30080)[0] == "b"
    assert cluster.ask(cluster.outside, NODE, 30080) == ["b", GATEWAY]  # the price of policy Cluster


def test_policy_local_keeps_the_clients_address(cluster: Cluster) -> None:
    cluster.forwards(B, type="NodePort", ports=[port(node_port=30080)], externalTrafficPolicy="Local")
    assert cluster.ask(cluster.outside, NODE, 30080) == ["b", OUTSIDE]


def test_policy_local_drops_outsiders_where_no_endpoint_is_here(cluster: Cluster) -> None:
    remote = endpoint_slice("s", endpoint(B, node="node-2"))
    spec = {"type": "NodePort", "ports": [port(node_port=30080)], "externalTrafficPolicy": "Local"}
    cluster.apply([service("s", **spec)], [remote])
    assert cluster.ask(cluster.pods["a"], NODE, 30080)[0] == "b"
    with cluster.open(cluster.outside) as client:
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.connect((NODE, 30080))


def test_a_load_balancer_address_answers_everybody(cluster: Cluster) -> None:
    cluster.forwards(C, balancer="10.240.0.7")
    for space in (cluster.pods["a"], cluster.pods["c"], cluster.node, cluster.outside):
        assert cluster.ask(space, "10.240.0.7", 80)[0] == "c"
    with pytest.raises(ConnectionRefusedError):
        cluster.ask(cluster.pods["a"], "10.240.0.7", 81)


def test_load_balancer_source_ranges_shut_others_out(cluster: Cluster) -> None:
    cluster.forwards(C, balancer="10.240.0.7", loadBalancerSourceRanges=["192.0.2.0/24", "192.0.2.8/30"])
    assert cluster.ask(cluster.outside, "10.240.0.7", 80)[0] == "c"
    with cluster.open(cluster.pods["a"]) as client:
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.connect(("10.240.0.7", 80))


def test_external_ips_lead_to_the_service(cluster: Cluster) -> None:
    cluster.forwards(A, externalIPs=["198.51.100.5"])
    assert cluster.ask(cluster.outside, "198.51.100.5", 80)[0] == "a"


def test_a_host_port_leads_to_the_pod(cluster: Cluster) -> None:
    shared = pod(
        "p", B, {"containerPort": 8080, "hostPort": 8000}, {"containerPort": 8080, "hostPort": 8001, "hostIP": NODE}
    )
    cluster.apply([], [], [shared])
    for space in (cluster.pods["b"], cluster.node, cluster.outside):
        assert cluster.ask(space, NODE, 8000)[0] == "b"
        assert cluster.ask(space, NODE, 8001)[0] == "b"
    assert cluster.ask(cluster.outside, NODE, 8000) == ["b", OUTSIDE]


def test_pods_leave_the_cluster_with_the_nodes_address(cluster: Cluster) -> None:
    cluster.forwards(A)
    cluster.serve(cluster.outside, OUTSIDE, 9000, "outside")
    assert cluster.ask(cluster.pods["a"], OUTSIDE, 9000) == ["outside", NODE]


def test_pods_see_each_other_as_they_are(cluster: Cluster) -> None:
    cluster.forwards(A)
    assert cluster.ask(cluster.pods["a"], B, 8080) == ["b", A]


def test_udp_follows_the_endpoints_within_a_running_flow(cluster: Cluster) -> None:
    ports = [{"name": "", "protocol": "UDP", "port": 8080}]
    one = service("s", "10.96.0.1", port(53, protocol="UDP"))
    before = render([one], [endpoint_slice("s", endpoint(A), ports=ports)], [], CONFIG)
    after = render([one], [endpoint_slice("s", endpoint(B), ports=ports)], [], CONFIG)
    cluster.nft(full(before))
    with cluster.open(cluster.pods["c"], UDP) as client:
        client.connect(("10.96.0.1", 53))
        client.send(b"?")
        assert client.recv(100).split()[0] == b"a"
        cluster.nft(diff(before, after))
        client.send(b"?")
        assert client.recv(100).split()[0] == b"a"  # the kernel remembers
        flows = {("10.96.0.1", 53): frozenset({(B, 8080)})}
        assert in_namespace(cluster.node, lambda: forget_stale(flows, (NODE,))) == 1  # type: ignore[arg-type]
        client.send(b"?")
        assert client.recv(100).split()[0] == b"b"


def test_a_service_may_lead_to_the_node_itself(cluster: Cluster) -> None:
    """As `kubernetes` does to the API server and `kube-dns` to the DNS server."""
    for address, number in ((NODE, 6443), (GATEWAY, 10053)):
        for kind in (socket.SOCK_STREAM, UDP):
            cluster.serve(cluster.node, address, number, "node", kind)
        ports = [{"name": name, "protocol": name, "port": number} for name in ("TCP", "UDP")]
        both = service("s", "10.96.0.1", port(443, name="TCP"), port(443, name="UDP", protocol="UDP"))
        cluster.apply([both], [endpoint_slice("s", endpoint(address), ports=ports)])
        for space in (cluster.node, cluster.pods["a"]):
            assert cluster.ask(space, "10.96.0.1", 443)[0] == "node"
            assert cluster.ask(space, "10.96.0.1", 443, UDP)[0] == "node"


def test_another_clusters_table_takes_nothing_from_this_one(cluster: Cluster) -> None:
    """Two tables hook into the same places; what the first does not know, the second must still get."""
    cluster.forwards(A)
    theirs = replace(CONFIG, table="sampan-other", pod_cidr="10.176.0.0/16", service_cidr="10.112.0.0/16", lb_pool="")
    slices = [endpoint_slice("s", endpoint(B))]
    cluster.nft(full(render([service("s", "10.112.0.1")], slices, [], theirs)))
    assert cluster.ask(cluster.node, "10.96.0.1", 80)[0] == "a"
    assert cluster.ask(cluster.pods["c"], "10.112.0.1", 80)[0] == "b"
    cluster.nft("delete table ip sampan-other\n")


@pytest.mark.parametrize("port", [8081, 8082])  # a pod and a neighbour
def test_what_listens_on_the_nodes_loopback_is_out_of_reach(cluster: Cluster, port: int) -> None:
    """A packet to 127.0.0.1 that comes by the network is dropped (CVE-2020-8558), though the sender routes it here."""
    cluster.apply([], [])
    cluster.serve(cluster.node, "127.0.0.1", port, "secret")
    space, own, gateway = (cluster.pods["a"], A, GATEWAY) if port == 8081 else (cluster.outside, OUTSIDE, NODE)
    in_namespace(space, lambda: Path("/proc/sys/net/ipv4/conf/all/route_localnet").write_text("1"))
    for change in (
        "rule add pref 32765 lookup local",
        "rule del pref 0",
        "rule add pref 10 to 127.0.0.0/8 lookup 100",
        f"route add 127.0.0.0/8 via {gateway} dev eth0 table 100",
    ):
        cluster.ip(f"-n {space} {change}")
    with pytest.raises(TimeoutError):
        cluster.ask(space, "127.0.0.1", port, source=own)
