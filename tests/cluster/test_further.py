"""Which further nodes a cluster gets, their addresses, and the links to them. Nothing here touches the machine."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.cluster import node_changes
from sampan.cluster.config import ClusterConfig, load
from sampan.cluster.further import (
    MOST_NODES,
    NodesError,
    further_nodes,
    kept_ranges,
    node_network,
    planned,
    running_nodes,
)
from sampan.cluster.key_material import pki_of
from sampan.cluster.namespace import machine_commands, node_commands
from sampan.cluster.node import further_containerd, further_network
from sampan.reconcile.clock import SystemClock


def cluster(nodes: dict[str, int], state: str = "/nowhere/blue", pod_cidr: str = "10.244.0.0/16") -> ClusterConfig:
    return ClusterConfig(
        name="blue",
        state=state,
        api_port=6443,
        kubelet_port=10250,
        dns_port=10053,
        registry_port=10500,
        node_ip="192.0.2.2",
        pod_cidr=pod_cidr,
        service_cidr="10.96.0.0/12",
        dns_ip="10.96.0.10",
        lb_pool="10.240.0.0/24",
        nodes=nodes,
    )


@pytest.mark.parametrize(
    ("existing", "wanted", "nodes"),
    [
        ({}, None, {}),
        ({}, 1, {}),
        ({}, 3, {"blue-2": 1, "blue-3": 2}),
        ({"blue-2": 1}, None, {"blue-2": 1}),
        ({"blue-2": 1}, 2, {"blue-2": 1}),
        ({"blue-3": 1}, 3, {"blue-3": 1, "blue-4": 3}),  # somebody has called it so
        ({"blue-3": 2}, 3, {"blue-3": 2, "blue-2": 1}),  # the number that is free
    ],
)
def test_who_is_there_keeps_its_number(existing: dict[str, int], wanted: int | None, nodes: dict[str, int]) -> None:
    assert planned("blue", existing, wanted) == nodes


@pytest.mark.parametrize("wanted", [0, -1, MOST_NODES + 1, 2**31 - 1])
def test_numbers_that_cannot_be(wanted: int) -> None:
    with pytest.raises(NodesError, match="is no number from 1 to 32"):
        planned("blue", {}, wanted)
    with pytest.raises(NodesError, match="cluster blue has 3"):
        planned("blue", {"blue-2": 1, "blue-3": 2}, 2)


@given(st.integers(1, MOST_NODES), st.sampled_from(["10.244.0.0/16", "10.180.0.0/16"]))
def test_addresses_are_nobody_elses(count: int, pod_cidr: str) -> None:
    config = cluster(planned("blue", {}, count), pod_cidr=pod_cidr)
    nodes = further_nodes(config)
    ranges = [IPv4Network(cidr) for cidr in kept_ranges(config)]
    assert not any(a.overlaps(b) for a in ranges for b in ranges if a is not b)
    assert all(cidr.subnet_of(IPv4Network(pod_cidr)) for cidr in ranges)
    own = {IPv4Address(node.address) for node in nodes}
    assert len(own | {IPv4Address(node.machine) for node in nodes}) == (count if nodes else 0)
    assert all(address in IPv4Network(node_network(config)) for address in own)
    assert len({node.interface for node in nodes}) == len(nodes)
    assert all(len(node.interface) <= 15 for node in nodes)


def test_the_way_to_a_node_and_back() -> None:
    (node,) = further_nodes(cluster({"blue-2": 1}))
    assert (node.pod_cidr, node.gateway, node.address, node.machine) == (
        "10.244.1.0/24",
        "10.244.1.1",
        "10.244.255.2",
        "10.244.255.1",
    )
    there = f"route replace 10.244.1.0/24 via 10.244.255.2 dev {node.interface} src 10.244.255.1 proto 83 onlink"
    assert there in machine_commands(node)
    assert "route replace default via 10.244.255.1 dev eth0 src 10.244.255.2" in node_commands(node)


def test_nothing_of_a_node_goes_by_a_name_that_another_cluster_could_have() -> None:
    (node,) = further_nodes(cluster({"blue-2": 1}))
    network = further_network(node).config
    names = (node.namespace, network.network, network.table, node.cgroup_root.strip("/"))
    assert set(names) == {"sampan-blue.blue-2"}
    assert further_containerd(node).root == Path("/nowhere/blue/nodes/blue-2/containerd")
    assert network.routed == {"10.244.1.0/24", "10.96.0.0/12", "10.240.0.0/24"}


def test_a_node_has_certificates_of_its_own(tmp_path: Path) -> None:
    alone, both = cluster({}, str(tmp_path)), cluster({"blue-2": 1}, str(tmp_path))
    pki_of(alone, SystemClock().now).ensure()
    assert pki_of(both, SystemClock().now).ensure() == {"kubelet-blue-2", "kube-proxy"}


def test_nodes_are_kept_with_the_cluster(tmp_path: Path) -> None:
    cluster({"blue-2": 1}, str(tmp_path)).save()
    found = load(tmp_path)
    assert found is not None
    assert [node.name for node in further_nodes(found)] == ["blue-2"]


def test_changes_of_nodes() -> None:
    config = node_changes.added(cluster({"blue-3": 2}), "other")
    assert config.nodes == {"blue-3": 2, "other": 1}
    config = node_changes.stopped(node_changes.stopped(config, "other"), "other")
    assert (config.stopped_nodes, running_nodes(config)) == (["other"], {"blue-3"})
    assert node_changes.started(config, "other").stopped_nodes == []
    gone = node_changes.removed(config, "other")
    assert (gone.nodes, gone.stopped_nodes) == ({"blue-3": 2}, [])


@pytest.mark.parametrize("name", ["", "blue", "blue-2", "A", "a.b", "a/../b", "-a", "a" * 33, "a\n"])
def test_names_that_no_new_node_can_have(name: str) -> None:
    with pytest.raises(NodesError):
        node_changes.added(cluster({"blue-2": 1}), name)


def test_there_is_an_end_of_nodes() -> None:
    with pytest.raises(NodesError, match="has 32 nodes, and no more can be had"):
        node_changes.added(cluster(planned("blue", {}, MOST_NODES)), "other")


@pytest.mark.parametrize("name", ["blue", "nobody"])
def test_only_further_nodes_are_stopped(name: str) -> None:
    for change in (node_changes.stopped, node_changes.started, node_changes.removed, node_changes.node_of):
        with pytest.raises(NodesError, match=name):
            change(cluster({"blue-2": 1}), name)
