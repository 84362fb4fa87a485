"""Which devices claims get, and that nobody gets what another has."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.machinery.meta import Object
from sampan.scheduler.devices.allocator import Budget, Chosen, InvalidPools, Offer, OutOfBudget, allocate
from sampan.scheduler.devices.asking import AllocationError, read
from sampan.scheduler.devices.constraints import attribute
from sampan.scheduler.devices.pools import Device, DeviceId, PoolId, Slice, pool_of
from sampan.scheduler.devices.results import allocation, score
from sampan.scheduler.devices.verdicts import Verdicts
from tests.scheduler.devices import DRIVER, claim, device, device_class, exactly, request, slice_of

NODE = ("here", {"zone": "a"})
TAINT = {"key": "broken", "value": "", "effect": "NoSchedule"}


def search(claims: list[Object], slices: list[Object], taken: Any = (), steps: int = 5000, **classes: Object) -> Any:
    """What each claim gets."""
    known = {"gpu": device_class(), **classes}
    parts: dict[PoolId, list[Slice]] = {}
    for one in slices:
        spec = one["spec"]
        made = Slice(one, [Device(one, each) for each in spec["devices"]])
        parts.setdefault(PoolId(spec["driver"], spec["pool"]["name"]), []).append(made)
    pools = [pool_of(identity, parts[identity]) for identity in sorted(parts)]
    wanted = [read(one, known.get) for one in claims]
    verdicts = Verdicts()
    asked = [each for one in wanted for choices in one.requests for each in choices]
    verdicts.look_ahead(asked, [each for pool in pools for each in pool.devices])
    held = {DeviceId(DRIVER, pool, name) for pool, name in taken}
    return wanted, allocate(wanted, NODE, Offer(pools, held, verdicts.matches), Budget(steps))


def names(claims: list[Object], slices: list[Object], taken: Any = (), **classes: Object) -> Any:
    """The devices that each claim gets, by name."""
    _, found = search(claims, slices, taken, **classes)
    return found and [[one.device.id.device for one in chosen] for chosen in found]


A, B, C = device("a", model="x", numa=0), device("b", model="y", numa=1), device("c", model="x", numa=1)
SAME = {"matchAttribute": f"{DRIVER}/numa"}
DISTINCT = {"distinctAttribute": f"{DRIVER}/model"}
MODEL = f'device.attributes["{DRIVER}"].model == "y"'


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([claim("c")], [["a"]]),
        ([claim("c", request("r", 2))], [["a", "b"]]),
        ([claim("c", request("r", 4))], None),
        ([claim("c"), claim("d", request("r", 2))], [["a"], ["b", "c"]]),
        ([claim("c"), claim("d", request("r", 3))], None),
        ([claim("c", request("r", 1, MODEL))], [["b"]]),
        (
            [claim("c", request("r", 1), request("s", 1, 'device.attributes["gpu.example.com"].numa == 0'))],
            [["b", "a"]],
        ),
        ([claim("c", request("r", 0))], [["a", "b", "c"]]),
        ([claim("c", request("r", 0, "device.driver == 'other'"))], None),  # all of nothing
        ([claim("c", request("r", 0)), claim("d")], None),
        ([claim("c", request("r", 2), constraints=[SAME])], [["b", "c"]]),
        ([claim("c", request("r", 2), constraints=[DISTINCT])], [["a", "b"]]),
        ([claim("c", request("r", 3), constraints=[DISTINCT])], None),
        ([claim("c", request("r"), request("s"), constraints=[{**SAME, "requests": ["s"]}])], [["a", "b"]]),
        ([claim("c", request("r", 2), constraints=[{"matchAttribute": f"{DRIVER}/none"}])], None),
        ([claim("c"), claim("d", request("r", 1, adminAccess=True))], [["a"], ["a"]]),
        ([claim("c", request("r", 1), request("s", 1, adminAccess=True))], [["a", "b"]]),  # once per claim
        (
            [claim("c", {"name": "r", "firstAvailable": [{"name": n, **exactly(k)} for n, k in (("m", 4), ("f", 2))]})],
            [["a", "b"]],
        ),
    ],
)
def test_the_first_solution_in_order_is_taken(claims: list[Object], expected: Any) -> None:
    assert names(claims, [slice_of(A, B, C)]) == expected


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([slice_of(A, node="there")], None),
        ([slice_of(A, node="", pool="p", allNodes=True)], [["a"]]),
        ([slice_of(A, node="", pool="p", nodeSelector={"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}]})], None),
        ([slice_of({**A, "nodeName": "there"}, {**B, "nodeName": "here"}, node="", pool="p",
                   perDeviceNodeSelection=True)], [["b"]]),
        ([slice_of(A, count=2)], None),  # not all there yet
        ([slice_of(A, name="old"), slice_of(B, name="new", generation=2)], [["b"]]),
        ([slice_of(A, name="old"), slice_of(B, name="new", generation=2, count=2)], None),
        ([slice_of({**A, "allowMultipleAllocations": True}, B)], [["b"]]),
        ([slice_of({**A, "bindingConditions": ["ready"]}, B)], [["b"]]),
        ([slice_of(device("a", [TAINT]), B)], [["b"]]),
        ([slice_of(device("a", [{**TAINT, "effect": "None"}]), B)], [["a"]]),
    ],
)  # fmt: skip
def test_what_a_node_reaches(slices: list[Object], expected: Any) -> None:
    assert names([claim("c")], slices) == expected


def test_others_keep_their_devices_but_for_admins_and_taints_are_tolerated() -> None:
    assert names([claim("c")], [slice_of(A, B)], [("here", "a")]) == [["b"]]
    assert names([claim("c", request("r", 0))], [slice_of(A, B)], [("here", "a")]) is None
    assert names([claim("c", request("r", 1, adminAccess=True))], [slice_of(A, B)], [("here", "a")]) == [["a"]]
    tolerant = request("r", 1, tolerations=[{"key": "broken", "operator": "Exists"}])
    assert names([claim("c", tolerant)], [slice_of(device("a", [TAINT]), B)]) == [["a"]]


def test_partitions_share_the_counters_of_their_pool() -> None:
    def part(name: str, memory: str) -> Object:
        return device(name, consumes=[{"counterSet": "gpu", "counters": {"memory": {"value": memory}}}])

    whole = slice_of(
        name="counters", count=2, sharedCounters=[{"name": "gpu", "counters": {"memory": {"value": "4Gi"}}}]
    )
    slices = [whole, slice_of(part("all", "4Gi"), part("left", "2Gi"), part("right", "2Gi"), count=2)]
    assert names([claim("c"), claim("d")], slices) == [["left"], ["right"]]
    assert names([claim("c")], slices, [("here", "left")]) == [["right"]]
    assert names([claim("c")], slices, [("here", "all")]) is None
    bad = [slice_of(part("all", "4Gi"))]
    with pytest.raises(InvalidPools, match="invalid resource pools were encountered"):
        names([claim("c")], bad)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (claim("c", request("r", 0)), "request r: asks for all devices, but resource pool gpu.example.com/here is"),
        (
            claim("c", request("r", 2**31 - 1)),
            "claim default/c, request r: adding 2147483647 devices exceeds the claim",
        ),
        (claim("c", request("r", 1, "device.nope")), "claim default/c: selector #0: CEL compile error: "),
        (claim("c", request("r", 1, 'device.attributes["x"].y')), "selector #0 on device gpu.example.com/there/b: CEL"),
        (claim("c", request("r", deviceClassName="x")), "could not retrieve device class x: deviceclass.resource.k8s"),
        (claim("c", request("r", capacity={"requests": {}, "x": 1})), "has capacity requests, but"),
    ],
)
def test_what_is_wrong_with_a_claim(wanted: Object, message: str) -> None:
    with pytest.raises(AllocationError) as error:
        names([wanted], [slice_of(A, count=2), slice_of(B, pool="there", name="s")])
    assert message in str(error.value)


def test_results_have_configuration_tolerations_and_the_nodes_for_which_they_are() -> None:
    config = {"opaque": {"driver": DRIVER, "parameters": {"of": "class"}}}
    own = {"opaque": {"driver": DRIVER, "parameters": {"of": "claim"}}}
    toleration = {"key": "broken", "operator": "Exists"}
    choices = [{"name": "many", **exactly(9)}, {"name": "few", **exactly(1)}]
    wanted = claim(
        "c",
        request("r", 1, tolerations=[toleration]),
        {"name": "s", "firstAvailable": choices},
        config=[{**own, "requests": ["s/few"]}, {**own, "requests": ["s/many"]}],
    )
    (asked,), (chosen,) = search([wanted], [slice_of(A, B)], gpu=device_class(config=[config]))
    made = allocation(asked, chosen, "here")
    assert made == {
        "devices": {
            "results": [
                {"request": "r", "driver": DRIVER, "pool": "here", "device": "a", "tolerations": [toleration]},
                {"request": "s/few", "driver": DRIVER, "pool": "here", "device": "b"},
            ],
            "config": [
                {"source": "FromClass", **config},  # of all requests
                {"source": "FromClaim", "requests": ["s/few"], **own},
            ],
        },
        "nodeSelector": {
            "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["here"]}]}]
        },
    }
    assert score(wanted, made) == 7
    (asked,), (chosen,) = search([claim("c")], [slice_of(A, node="", pool="p", allNodes=True)])
    assert "nodeSelector" not in allocation(asked, chosen, "here")


def test_a_hostile_claim_is_given_up() -> None:
    many = [device(f"d{n}", numa=n // 2) for n in range(128)]
    hostile = claim("c", request("r", 16), request("s", 16), constraints=[SAME])
    with pytest.raises(OutOfBudget):
        search([hostile], [slice_of(*many)])
    claims = [claim(f"c{n}", request("r", 1)) for n in range(200)]
    _, found = search(claims[:128], [slice_of(*many)], steps=100_000)  # deeper than Python goes
    assert found is not None and len(found) == 128
    with pytest.raises(OutOfBudget):
        search(claims, [slice_of(*many)])


devices_drawn = st.lists(
    st.builds(
        lambda numa, model, broken: {"numa": numa, "model": model, "broken": broken},
        st.integers(0, 2), st.sampled_from("xyz"), st.booleans(),
    ),
    max_size=8,
)  # fmt: skip
request_drawn = st.tuples(st.integers(0, 3), st.booleans(), st.booleans())  # count (0: all), selective, admin
claim_drawn = st.tuples(st.lists(request_drawn, min_size=1, max_size=3), st.sampled_from([None, "match", "distinct"]))


@given(devices_drawn, st.lists(claim_drawn, min_size=1, max_size=3), st.sets(st.integers(0, 7)))
def test_whatever_is_found_is_right(drawn: list[Any], asking: list[Any], taken: set[int]) -> None:
    devices = [
        device(f"d{n}", [TAINT] if one["broken"] else [], numa=one["numa"], model=one["model"])
        for n, one in enumerate(drawn)
    ]
    claims = []
    for number, (requests, constraint) in enumerate(asking):
        made = [
            request(f"r{n}", count, *([MODEL] if selective else []), adminAccess=admin)
            for n, (count, selective, admin) in enumerate(requests)
        ]
        constraints = [{f"{constraint}Attribute": f"{DRIVER}/numa"}] if constraint else []
        claims.append(claim(f"c{number}", *made, constraints=constraints))
    held = [("here", f"d{n}") for n in taken]
    try:
        _, found = search(claims, [slice_of(*devices)], held)
    except (OutOfBudget, AllocationError):
        return
    if found is not None:
        check(asking, found, {name for _, name in held})


def check(asking: list[Any], found: list[list[Chosen]], held: set[str]) -> None:
    exclusive = Counter(one.device.id.device for chosen in found for one in chosen if not one.asked.admin)
    assert not exclusive.keys() & held and set(exclusive.values()) <= {1}
    for (requests, constraint), chosen in zip(asking, found, strict=True):
        assert len({one.device.id for one in chosen}) == len(chosen)
        assert not any(one.device.taints for one in chosen)
        for index, (count, selective, _) in enumerate(requests):
            mine = [one.device for one in chosen if one.asked.name == f"r{index}"]
            assert len(mine) == count if count else mine
            assert not selective or all(one.object["attributes"]["model"] == {"string": "y"} for one in mine)
        values = {attribute(one.device, f"{DRIVER}/numa") for one in chosen}
        assert constraint != "match" or len(values) <= 1
        assert constraint != "distinct" or len(values) == len(chosen)
