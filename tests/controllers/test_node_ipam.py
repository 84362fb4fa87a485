"""Ranges of addresses for nodes: none twice, none of the Services', and what nodes bring themselves."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.config import Config
from sampan.controllers.node_ipam.cidr_set import CIDRSet, OutOfRange
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.node import KIND as NODE
from sampan.machinery.meta import Object
from tests.controllers.cluster import NODE_NAME, Cluster, control_plane

FIVE = Config(  # blocks of 16 addresses: two are the Services', one is a kubelet's, five are left
    cluster_cidr="10.1.0.0/25",
    service_cluster_ip_range="10.1.0.32/27",
    kept_node_cidrs=("10.1.0.0/28",),
    node_cidr_mask_size_ipv4=28,
)


def test_blocks_are_given_in_turn() -> None:
    cidrs = CIDRSet("10.0.0.0/22", 24, ["10.0.1.0/24", "192.168.0.0/16", "fd00::/8"])
    assert [cidrs.take() for _ in range(4)] == ["10.0.0.0/24", "10.0.2.0/24", "10.0.3.0/24", None]
    cidrs.release("10.0.0.0/23")
    assert [cidrs.take() for _ in range(2)] == ["10.0.0.0/24", None]  # what is kept is not given back
    cidrs.release("10.0.2.128/25")
    cidrs.occupy("10.0.2.0/26")
    assert cidrs.take() is None
    with pytest.raises(OutOfRange):
        cidrs.occupy("10.0.4.0/24")
    with pytest.raises(OutOfRange):
        cidrs.occupy("fd00::/64")


def test_a_range_around_the_cluster_takes_all_of_it() -> None:
    cidrs = CIDRSet("fd00:1::/48", 64)
    assert [cidrs.take() for _ in range(2)] == ["fd00:1::/64", "fd00:1:0:1::/64"]
    cidrs.occupy("::/0")
    assert cidrs.take() is None


@pytest.mark.parametrize(("cluster", "mask"), [("10.0.0.0/16", 8), ("10.0.0.0/16", 33), ("fd00::/32", 64), ("x", 24)])
def test_what_can_not_be_divided(cluster: str, mask: int) -> None:
    with pytest.raises(ValueError):
        CIDRSet(cluster, mask)


@given(st.lists(st.tuples(st.integers(0, 63), st.integers(20, 32), st.booleans()), max_size=20))
def test_nothing_is_given_that_somebody_has(steps: list[tuple[int, int, bool]]) -> None:
    cidrs, held = CIDRSet("10.0.0.0/22", 26), list[IPv4Network]()
    for place, prefix, brings in steps:
        if brings:
            own = IPv4Network((int(IPv4Network("10.0.0.0/22")[0]) + place * 16, prefix), strict=False)
            cidrs.occupy(str(own))
            held.append(own)
        elif block := cidrs.take():
            assert not any(IPv4Network(block).overlaps(other) for other in held)
            held.append(IPv4Network(block))


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with control_plane(FIVE) as running:
        yield running


def ranges(nodes: list[Object]) -> list[str]:
    return sorted(cidr for node in nodes for cidr in node["spec"].get("podCIDRs") or ())


async def test_nodes_get_ranges_and_give_them_back(cluster: Cluster) -> None:
    own = {"podCIDR": "10.1.0.112/28", "podCIDRs": ["10.1.0.112/28"]}
    await cluster.create(NODE, {"metadata": {"name": "own"}, "spec": own})
    await cluster.create(NODE, {"metadata": {"name": "elsewhere"}, "spec": {"podCIDR": "240.0.0.0/24"}})
    await asyncio.gather(*(cluster.create(NODE, {"metadata": {"name": f"n{n}"}}) for n in range(4)))
    # The test's own node is the fifth that asks; four blocks are free.
    nodes = await cluster.until(NODE, lambda found: len(ranges(found)) == 6)
    free = ["10.1.0.16/28", "10.1.0.64/28", "10.1.0.80/28", "10.1.0.96/28"]
    assert ranges(nodes) == sorted([*free, "10.1.0.112/28", "240.0.0.0/24"])
    [last] = [node["metadata"]["name"] for node in nodes if not node["spec"].get("podCIDRs")]
    told = await cluster.until(
        EVENT, lambda found: any(e["reason"] == "CIDRNotAvailable" for e in found), namespace="default"
    )
    assert f"Node {last} status is now: CIDRNotAvailable" in [event["message"] for event in told]
    [gone, *_] = [
        node for node in nodes if node["spec"].get("podCIDR") in free and node["metadata"]["name"] != NODE_NAME
    ]
    await cluster.client.delete(NODE, gone["metadata"]["name"])
    await cluster.one(NODE, last, lambda found: ranges([found]) == [gone["spec"]["podCIDR"]])
