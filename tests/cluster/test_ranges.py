"""Which address ranges clusters get."""

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.cluster.ranges import NoFreeRange, Ranges, host_networks, pick_ranges


def all_of(ranges: Ranges) -> list[str]:
    return [ranges.pod_cidr, ranges.service_cidr, ranges.lb_pool]


def test_the_first_cluster_has_the_ranges_of_the_books() -> None:
    first = pick_ranges([])
    assert (first.service_cidr, first.dns_ip, first.pod_cidr) == ("10.96.0.0/12", "10.96.0.10", "10.244.0.0/16")


def test_nodes_have_consecutive_networks() -> None:
    ranges = pick_ranges([])
    assert [ranges.node_pod_cidr(i) for i in (0, 1, 255)] == ["10.244.0.0/24", "10.244.1.0/24", "10.244.255.0/24"]
    with pytest.raises(IndexError):
        ranges.node_pod_cidr(256)


def test_clusters_side_by_side_share_nothing_until_there_is_no_room() -> None:
    taken: list[IPv4Network] = []
    for _ in range(65):
        ranges = pick_ranges(map(str, taken))
        mine = [IPv4Network(cidr) for cidr in all_of(ranges)]
        assert not any(a.overlaps(b) for a in mine for b in taken)
        taken += mine
    with pytest.raises(NoFreeRange):
        pick_ranges(map(str, taken))


@given(st.lists(st.tuples(st.integers(96, 245), st.integers(16, 30)), max_size=20))
def test_a_network_in_use_is_left_alone(used: list[tuple[int, int]]) -> None:
    taken = [f"10.{second}.0.0/{prefix}" for second, prefix in used]
    ranges = pick_ranges(taken)
    assert not any(IPv4Network(a).overlaps(IPv4Network(b)) for a in all_of(ranges) for b in taken)


def test_the_machines_networks_are_its_routes_but_for_wide_ones() -> None:
    routes = '[{"dst":"default"},{"dst":"10.0.0.0/8"},{"dst":"10.96.5.0/24"},{"dst":"172.17.0.1"}]'
    assert host_networks(routes) == ["10.96.5.0/24", "172.17.0.1"]
    assert host_networks("") == []
