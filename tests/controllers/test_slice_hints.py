"""Hints of endpoints: by traffic distribution, and in proportion to zones' CPUs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.slice_hints import Hinted, add_hints
from sampan.controllers.slice_hints.allocation import OVERLOAD, Impossible, exchange, rooms, zones_for
from sampan.controllers.slice_hints.zones import zone_shares
from sampan.controllers.slices import Plan
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.meta import Object
from tests.controllers.cluster import NODE_NAME, READY, Cluster

AUTO = {"service.kubernetes.io/topology-mode": "Auto"}
NO_NODES = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
HALVES = {"a": 0.5, "b": 0.5}


def endpoint(number: int, zone: str = "a", *, ready: bool | None = True, hints: Object | None = None) -> Object:
    made: Object = {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": ready}, "nodeName": f"n{number}"}
    return made | ({"zone": zone} if zone else {}) | ({"hints": hints} if hints else {})


def one_slice(*endpoints: Object, name: str = "s", family: str = "IPv4") -> Object:
    return {"metadata": {"name": name}, "addressType": family, "endpoints": list(endpoints)}


def service(annotations: Object | None = None, **spec: Any) -> Object:
    return {"metadata": {"name": "web", "annotations": annotations or {}}, "spec": spec}


def hints(slices: Sequence[Object]) -> list[Object | None]:
    return [one.get("hints") for item in slices for one in item["endpoints"]]


def zone(name: str) -> Object:
    return {"forZones": [{"name": name}]}


@pytest.mark.parametrize(
    ("distribution", "wanted"),
    [
        ("PreferClose", [zone("a"), None, None]),
        ("PreferSameZone", [zone("a"), None, None]),
        ("PreferSameNode", [zone("a") | {"forNodes": [{"name": "n1"}]}, {"forNodes": [{"name": "n2"}]}, None]),
        (None, [None, None, None]),
        ("Elsewhere", [None, None, None]),
    ],
)
def test_traffic_distribution(distribution: str | None, wanted: list[Object | None]) -> None:
    endpoints = (endpoint(1), endpoint(2, ""), endpoint(3, ready=False))
    made = add_hints(service(trafficDistribution=distribution), Plan([one_slice(*endpoints)]), [], {}, shared=False)
    assert hints(made.plan.create) == wanted
    assert (made.events, made.shared) == ((), False)


def test_only_what_has_wrong_hints_is_written() -> None:
    right = one_slice(endpoint(1, hints=zone("a")), endpoint(2, ready=False, hints=zone("b")), name="right")
    wrong = one_slice(endpoint(3, hints=zone("b")), name="wrong")
    made = add_hints(service(trafficDistribution="PreferClose"), Plan(), [right, wrong], {}, shared=False)
    assert made.plan == Plan(update=[one_slice(endpoint(3, hints=zone("a")), name="wrong")])
    given_up = add_hints(service(), Plan(delete=[wrong]), [right, wrong], {}, shared=False)
    assert hints(given_up.plan.update) == [None, None]
    assert right["endpoints"][0]["hints"]  # what others share is not changed


def auto(endpoints: Sequence[Object], shares: dict[str, float], *, shared: bool = False) -> Hinted:
    return add_hints(service(AUTO), Plan([one_slice(*endpoints)]), [], shares, shared=shared)


def told(made: Hinted) -> list[str]:
    return [f"{type} {reason} {message}" for type, reason, message in made.events]


def test_zones_with_more_cpus_get_endpoints_of_others() -> None:
    endpoints = [endpoint(n, "a") for n in range(3)] + [endpoint(3, "b"), endpoint(4, "b", ready=None)]
    made = auto(endpoints, HALVES)
    assert hints(made.plan.create) == [zone("b"), zone("a"), zone("a"), zone("b"), None]
    enabled = "Normal TopologyAwareHintsEnabled Topology Aware Hints has been enabled, addressType: IPv4"
    assert told(made) == [enabled]
    assert (told(auto(endpoints, HALVES, shared=True)), made.shared) == ([], True)


@pytest.mark.parametrize(
    ("zones", "shares", "why"),
    [
        ("ab", {}, NO_NODES),
        ("a", HALVES, "Insufficient number of endpoints (1 endpoints, 2 zones)"),
        (
            "abc",
            {"a": 0.9, "b": 0.05, "c": 0.05},
            "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"
            " (3 endpoints, 3 zones)",
        ),
        (["a", ""], HALVES, "One or more endpoints do not have a zone specified"),
    ],
)
def test_why_there_are_no_hints(zones: Sequence[str], shares: dict[str, float], why: str) -> None:
    endpoints = [endpoint(n, zone, hints={"forZones": [{"name": "x"}]}) for n, zone in enumerate(zones)]
    made = add_hints(service(AUTO), Plan(), [one_slice(*endpoints)], shares, shared=True)
    assert told(made) == [f"Warning TopologyAwareHintsDisabled {why}, addressType: IPv4"]
    assert hints(made.plan.update) == [None] * len(endpoints)
    assert not made.shared


def test_hints_that_are_good_enough_stay() -> None:
    old = one_slice(endpoint(1, "b", hints=zone("b")), endpoint(2, "a", hints=zone("b")), name="old")
    new = one_slice(endpoint(3), endpoint(4), endpoint(5), endpoint(6))
    made = add_hints(service(AUTO), Plan([new]), [old], HALVES, shared=True)
    assert made.plan.update == []
    assert Counter(hint["forZones"][0]["name"] for hint in hints(made.plan.create) if hint) == {"a": 3, "b": 1}
    crowded = one_slice(*(endpoint(n, "a", hints=zone("a")) for n in range(4)), name="old")
    again = add_hints(service(AUTO), Plan(), [crowded], HALVES, shared=True)
    assert Counter(str(hint) for hint in hints(again.plan.update)) == {str(zone("a")): 2, str(zone("b")): 2}
    assert add_hints(service(AUTO), Plan(), again.plan.update, HALVES, shared=True).plan == Plan()


def test_taking_the_annotation_away_is_told_once() -> None:
    slices = [one_slice(endpoint(1, hints=zone("b"))), one_slice(endpoint(2), name="six", family="IPv6")]
    made = add_hints(service(), Plan(), slices, HALVES, shared=True)
    disabled = "Warning TopologyAwareHintsDisabled Topology Aware Hints has been disabled, addressType: IPv4"
    assert (told(made), hints(made.plan.update), made.shared) == ([disabled], [None], False)
    older = service(AUTO | {"service.kubernetes.io/topology-aware-hints": "Disabled"})
    assert add_hints(older, Plan(), slices, HALVES, shared=False).events == ()


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 2**63), min_size=2),
    st.lists(st.sampled_from("abcdef"), max_size=60),
)
def test_no_zone_is_overloaded(cpus: dict[str, int], own: list[str]) -> None:
    shares = {zone: cpu / sum(cpus.values()) for zone, cpu in cpus.items()}
    try:
        room = rooms(shares, len(own))
    except Impossible:
        return
    made = Counter(zones_for(own, {}, room))
    giving, receiving = exchange(Counter(own), room)
    assert sum(giving.values()) == sum(receiving.values())
    assert sum(made.values()) == len(own)
    if set(own) <= shares.keys() and len(shares) == 2:
        assert all(made[zone] >= one.least - 1 for zone, one in room.items())
    assert all(
        one.least <= one.most and one.least >= shares[zone] * len(own) / (1 + OVERLOAD) - 1e-6
        for zone, one in room.items()
    )


def node(zone: str = "", cpu: Any = None, ready: str = "True", **labels: str) -> Object:
    named = {"topology.kubernetes.io/zone": zone} if zone else {}
    status = {"conditions": [READY | {"status": ready}], "allocatable": {"cpu": cpu} if cpu is not None else None}
    return {"metadata": {"name": "n", "labels": named | labels}, "status": status}


def test_shares_of_zones() -> None:
    leading = node(cpu="8", **{"node-role.kubernetes.io/control-plane": ""})
    nodes = [node("a", "2"), node("a", "1"), node("b", "1000m"), node("c", "9", ready="False"), leading]
    assert zone_shares(nodes) == {"a": 0.75, "b": 0.25}
    for unknown in (node("", "1"), node("a"), node("a", "0"), node("a", "-1")):
        assert zone_shares([*nodes, unknown]) == {}
    assert zone_shares([node("a", "9223372036854775807"), node("b", "1n")]).keys() == {"a", "b"}
    assert zone_shares([node("a", "1")]) == {}


def web(name: str, app: str, **more: Any) -> Object:
    spec = {"selector": {"app": app}, "ports": [{"port": 80}], **more.pop("spec", {})}
    return {"metadata": {"name": name, **more}, "spec": spec}


def given_zones(found: list[Object]) -> Counter[str]:
    endpoints = (one for item in found for one in item["endpoints"] or ())
    return Counter(hint["name"] for one in endpoints for hint in (one.get("hints") or {}).get("forZones", ()))


async def test_hints_follow_services_and_nodes(cluster: Cluster) -> None:
    await cluster.create(SERVICE, web("web", "web", spec={"trafficDistribution": "PreferClose"}))
    for number in range(2):
        meta = {"name": f"p{number}", "labels": {"app": "web"}}
        await cluster.create(POD, {"metadata": meta, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    zones = {"metadata": {"labels": {"topology.kubernetes.io/zone": "a"}}}
    await cluster.patch(NODE, NODE_NAME, zones)
    await cluster.until(ENDPOINT_SLICE, lambda found: given_zones(found) == {"a": 2})
    await cluster.patch(SERVICE, "web", {"metadata": {"annotations": AUTO}})
    await cluster.until(ENDPOINT_SLICE, lambda found: given_zones(found) == {})
    await cluster.until(EVENT, lambda found: any(one["message"].startswith(NO_NODES) for one in found))
    status = {"status": {"allocatable": {"cpu": "4"}}}
    await cluster.patch(NODE, NODE_NAME, status, subresource="status")
    await cluster.create(NODE, {"metadata": {"name": "other", "labels": {"topology.kubernetes.io/zone": "b"}}})
    ready = {"status": status["status"] | {"conditions": [READY]}}
    await cluster.patch(NODE, "other", ready, subresource="status")
    await cluster.until(ENDPOINT_SLICE, lambda found: given_zones(found) == {"a": 1, "b": 1})
    await cluster.until(EVENT, lambda found: any(one["reason"] == "TopologyAwareHintsEnabled" for one in found))
    await cluster.patch(SERVICE, "web", {"metadata": {"annotations": None}})
    await cluster.until(ENDPOINT_SLICE, lambda found: given_zones(found) == {"a": 2})
