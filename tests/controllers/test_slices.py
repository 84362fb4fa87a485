"""Spreading endpoints over slices, and the two forms of endpoints, as pure functions."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.endpoint_slice import MANAGER, endpoint_of, plan
from sampan.controllers.endpoints import OVER_CAPACITY, endpoints_for, subsets_of, truncated
from sampan.controllers.slices import spread
from sampan.machinery.meta import Object, annotations_of

NODES = {"n": {"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z"}}}}


def endpoint(number: int, ready: bool = True) -> Object:
    return {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": ready}, "targetRef": {"uid": str(number)}}


def slices(*sizes: int) -> list[Object]:
    numbers = iter(range(1000))
    return [
        {"metadata": {"name": f"s{n}"}, "endpoints": [endpoint(next(numbers)) for _ in range(size)]}
        for n, size in enumerate(sizes)
    ]


@given(st.lists(st.integers(1, 5), max_size=5), st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_spreading_is_complete_and_within_the_limit(sizes: list[int], wanted: set[int], unready: set[int]) -> None:
    existing = slices(*sizes)
    goal = [endpoint(number, number not in unready) for number in sorted(wanted)]
    made = spread(existing, goal, limit=5)
    after = [*made.create, *(endpoints for _, endpoints in made.update), *(one["endpoints"] for one in made.keep)]
    assert all(0 < len(endpoints) <= 5 for endpoints in after)
    flat = [one for endpoints in after for one in endpoints]
    assert sorted(flat, key=str) == sorted(goal, key=str)
    touched = [*made.delete, *(one for one, _ in made.update), *made.keep]
    assert sorted(one["metadata"]["name"] for one in touched) == [one["metadata"]["name"] for one in existing]
    again = spread([{"metadata": {"name": str(n)}, "endpoints": e} for n, e in enumerate(after)], goal, limit=5)
    assert not (again.create or again.update or again.delete)


def test_what_has_to_change_is_filled_first() -> None:
    existing = slices(3, 2)
    goal = [endpoint(0), endpoint(1), endpoint(3), endpoint(4), endpoint(100)]
    made = spread(existing, goal, limit=5)
    assert [one["metadata"]["name"] for one, _ in made.update] == ["s0"]
    assert [one["metadata"]["name"] for one in made.keep] == ["s1"]
    assert not made.create


def service(**spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}]
    meta = {"name": "s", "namespace": "ns", "uid": "s", "labels": {"team": "x"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports, **spec}}


def pod(number: int, *, ready: bool = True, port: int = 8080, **meta: Any) -> Object:
    containers = [{"ports": [{"name": "web", "containerPort": port, "protocol": "TCP"}]}]
    return {
        "metadata": {"name": f"p{number}", "namespace": "ns", "uid": f"u{number}", **meta},
        "spec": {"nodeName": "n", "containers": containers},
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": f"10.0.{number // 250}.{number % 250}"}, {"ip": f"fd00::{number:x}"}],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def test_subsets_group_by_ports_and_readiness() -> None:
    pods = [pod(2), pod(1, ready=False), pod(3, port=9090)]
    one, other = sorted(subsets_of(service(), pods), key=lambda subset: subset["ports"][0]["port"])
    assert [address["ip"] for address in one["addresses"]] == ["10.0.0.2"]
    assert [address["ip"] for address in one["notReadyAddresses"]] == ["10.0.0.1"]
    assert other["ports"] == [{"name": "http", "port": 9090, "protocol": "TCP"}]


def test_pods_that_finished_or_leave_are_no_endpoints_unless_published() -> None:
    leaving, done = pod(1, deletionTimestamp="x"), pod(2)
    done["status"]["phase"] = "Succeeded"
    assert subsets_of(service(), [leaving, done]) == []
    [subset] = subsets_of(service(publishNotReadyAddresses=True), [leaving, pod(3, ready=False), done])
    assert len(subset["addresses"]) == 2


def test_at_most_a_thousand_addresses_ready_ones_first() -> None:
    pods = [pod(number, ready=number >= 100) for number in range(1100)]
    made = endpoints_for(service(), None, pods, "")
    assert annotations_of(made)[OVER_CAPACITY] == "truncated"
    [subset] = made["subsets"]
    assert len(subset["addresses"]) == 1000
    assert "notReadyAddresses" not in subset
    fewer, over = truncated(subsets_of(service(), pods[:5]))
    assert not over
    assert len(fewer[0]["notReadyAddresses"]) == 5


def test_conditions_tell_serving_from_ready_while_terminating() -> None:
    ending = endpoint_of(service(), pod(1, deletionTimestamp="x"), NODES, "IPv4")
    assert ending is not None
    assert ending["conditions"] == {"ready": False, "serving": True, "terminating": True}
    assert ending["zone"] == "z"
    published = endpoint_of(service(publishNotReadyAddresses=True), pod(1, ready=False), NODES, "IPv4")
    assert published is not None
    assert published["conditions"] == {"ready": True, "serving": False, "terminating": False}
    assert endpoint_of(service(), pod(1), {}, "IPv4") is None


def test_one_slice_per_family_and_ports_and_an_empty_one_where_there_is_nothing() -> None:
    both = service(ipFamilies=["IPv4", "IPv6"])
    made = plan(both, [pod(1), pod(2, port=9090)], NODES, [], "t")
    assert sorted((one["addressType"], one["ports"][0]["port"]) for one in made.create) == [
        ("IPv4", 8080),
        ("IPv4", 9090),
        ("IPv6", 8080),
        ("IPv6", 9090),
    ]
    [empty] = plan(service(), [], NODES, [], "").create
    assert (empty["endpoints"], empty["ports"]) == ([], [])
    labels = {"kubernetes.io/service-name": "s", "endpointslice.kubernetes.io/managed-by": MANAGER, "team": "x"}
    assert empty["metadata"]["labels"] == labels
    there = {**empty, "metadata": {**empty["metadata"], "name": "s-1"}}
    assert plan(service(), [], NODES, [there], "") == plan(service(), [], NODES, [there], "later")
    filled = plan(service(), [pod(1)], NODES, [there], "")
    assert (len(filled.create), filled.delete) == (1, [there])
