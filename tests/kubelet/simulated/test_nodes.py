"""Which simulated nodes there are, their addresses, and whose turn it is."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.kinds.core.node import SIMULATED_LABEL
from sampan.kubelet.simulated.config import Simulation
from sampan.kubelet.simulated.nodes import (
    MOST_NODES,
    Fleet,
    adopted,
    free_ip,
    host_ip,
    is_out_of_date,
    name_of,
    node,
    pod_cidr,
    pod_ips,
    status,
)
from sampan.kubelet.simulated.rota import Rota
from tests.kubelet.pods import NOW

FLEET = Fleet(12, "x", Simulation(zones=("a", "b"), labels={"pool": "large"}))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("simulated-0", 0),
        ("simulated-11", 11),
        ("simulated-12", None),
        ("simulated-01", None),
        ("simulated--1", None),
        ("simulated-", None),
        ("simulated-²", None),
        ("simulated-" + "9" * 5000, None),
        ("node-1", None),
    ],
)
def test_names(name: str, number: int | None) -> None:
    assert FLEET.number_of(name) == number


def test_a_node_registers_as_a_kubelet_does() -> None:
    made = node(FLEET, 1, NOW)
    assert made["metadata"]["labels"] == made["metadata"]["labels"] | {
        "kubernetes.io/hostname": "simulated-1",
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": "b",
        "pool": "large",
        SIMULATED_LABEL: "",
    }
    assert made["spec"] == {"podCIDR": "240.0.4.0/22", "podCIDRs": ["240.0.4.0/22"]}
    told = made["status"]
    assert told["addresses"][0] == {"type": "InternalIP", "address": "198.18.0.2"}
    assert (told["capacity"]["cpu"], told["allocatable"]["pods"]) == ("32", "110")
    assert {one["type"]: one["status"] for one in told["conditions"]}["Ready"] == "True"
    assert told["nodeInfo"]["machineID"] != node(FLEET, 2, NOW)["status"]["nodeInfo"]["machineID"]


def test_a_node_that_was_there_keeps_what_others_have_set() -> None:
    old = node(FLEET, 1, NOW)
    old["metadata"] |= {"uid": "u", "labels": {"mine": "1", "pool": "small"}}
    old["spec"] |= {"unschedulable": True}
    kept = adopted(old, node(FLEET, 1, NOW))
    assert kept["metadata"]["uid"] == "u"
    assert (kept["metadata"]["labels"]["mine"], kept["metadata"]["labels"]["pool"]) == ("1", "large")
    assert kept["spec"]["unschedulable"] is True


def test_only_what_says_something_else_is_out_of_date() -> None:
    old = node(FLEET, 1, NOW)
    assert not is_out_of_date(old, status(FLEET, 1, old, NOW))
    assert is_out_of_date(old, status(Fleet(12, "x", Simulation(capacity={"cpu": "1"})), 1, old, NOW))


def test_addresses_are_of_their_nodes_and_of_no_machine() -> None:
    for number in (0, 1, MOST_NODES - 1):
        assert IPv4Address(host_ip(number)) in IPv4Network("198.18.0.0/15")
        block = IPv4Network(pod_cidr(number))
        found = list(pod_ips(number, 5))
        assert len(set(found)) == len(found) == 1022
        assert {IPv4Address(ip) for ip in found} == set(block.hosts())
        assert block.subnet_of(IPv4Network("240.0.0.0/4"))


def test_an_address_is_not_given_away_twice() -> None:
    assert free_ip(0, 0, {"240.0.0.1", "240.0.0.2"}) == "240.0.0.3"
    assert free_ip(0, 1021, set()) == "240.0.3.254"
    assert free_ip(0, 1022, set(pod_ips(0, 0)) - {"240.0.0.9"}) == "240.0.0.9"
    assert free_ip(0, 7, set(pod_ips(0, 0))) == "240.0.0.8"


def test_surplus_nodes_are_ours_only() -> None:
    more = Fleet(20, "x")
    assert FLEET.is_surplus(node(more, 12, NOW)) and not FLEET.is_surplus(node(more, 11, NOW))
    assert not FLEET.is_surplus({"metadata": {"name": name_of(12)}})


# Turns


@given(st.integers(1, 300), st.lists(st.floats(0.001, 3), min_size=1, max_size=60))
def test_everybody_has_a_turn_in_every_period(count: int, pauses: list[float]) -> None:
    rota, now = Rota(count, 10.0, 100.0), 100.0
    last = dict.fromkeys(range(count), now)
    for pause in pauses:
        for member in rota.due(now):
            assert now - last[member] <= 10.0 + 3 + 0.001
            last[member] = now
        now += pause
    assert min(last.values()) >= now - 10.0 - 3 - 3


def test_turns_are_spread_evenly_and_taken_several_at_once() -> None:
    rota = Rota(5000, 10.0, 0.0)
    assert len(rota.due(0.0)) == 1
    assert rota.pause(0.0, 0.1) == 0.1
    assert [len(rota.due(0.1 * tenth)) for tenth in range(1, 4)] == [50, 50, 50]
    assert len(rota.due(1000.0)) == 5000, "once each, however long it was"
    alone = Rota(1, 10.0, 0.0)
    assert (alone.due(0.0), alone.pause(0.0, 0.1), alone.due(9.9), alone.due(10.0)) == ([0], 10.0, [], [0])
    assert (Rota(0, 10.0, 0.0).due(5.0), Rota(0, 10.0, 0.0).pause(5.0, 0.1)) == ([], 10.0)
