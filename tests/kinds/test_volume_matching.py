"""Which PersistentVolume a claim gets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.kinds.core.node_selectors import topology_allows
from sampan.kinds.core.volume_matching import claim_ref, is_volume_of, matching_volume

Object = dict[str, Any]


def volume(name: str, size: str = "1Gi", phase: str = "Available", labels: Object | None = None, **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce", "ReadOnlyMany"], **spec},
        "status": {"phase": phase},
    }


def claim(size: str = "1Gi", **spec: Any) -> Object:
    meta = {"name": "c", "namespace": "default", "uid": "1", "resourceVersion": "7"}
    spec = {"resources": {"requests": {"storage": size}}, "accessModes": ["ReadWriteOnce"], **spec}
    return {"metadata": meta, "spec": spec}


def on(zone: str) -> Object:
    expressions = [{"key": "zone", "operator": "In", "values": [zone]}]
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (claim(), "small"),
        (claim("2Gi"), "large"),
        (claim("1Ti"), None),
        (claim(storageClassName="fast"), "fast"),
        (claim(storageClassName="slow"), None),
        (claim(accessModes=["ReadWriteMany"]), None),
        (claim(accessModes=["ReadOnlyMany"]), "small"),
        (claim(volumeMode="Block"), "block"),
        (claim(selector={"matchLabels": {"disk": "ssd"}}), "large"),
        (claim(volumeAttributesClassName="gold"), None),
    ],
)
def test_the_smallest_that_fits(wanted: Object, found: str | None) -> None:
    volumes = [
        volume("large", "5Gi", labels={"disk": "ssd"}),
        volume("small", "1Gi"),
        volume("fast", "9Gi", storageClassName="fast"),
        volume("block", "3Gi", volumeMode="Block"),
        volume("released", "1Gi", "Released"),
        volume("others", "1Gi", claimRef={"namespace": "default", "name": "d"}),
    ]
    chosen = matching_volume(wanted, volumes)
    assert (chosen and chosen["metadata"]["name"]) == found


def test_what_is_reserved_for_a_claim_is_its_own_whatever_it_is() -> None:
    mine = volume("mine", "9Gi", "Pending", storageClassName="x", accessModes=[], claimRef=claim_ref(claim()))
    assert matching_volume(claim(), [volume("small"), mine]) is mine
    assert matching_volume(claim(), [volume("small"), mine], only_reserved=True) is mine
    assert matching_volume(claim(), [volume("small")], only_reserved=True) is None
    assert matching_volume(claim("10Gi"), [mine]) is None
    elsewhere = mine | {"spec": mine["spec"] | {"nodeAffinity": on("a")}}
    assert matching_volume(claim(), [volume("small"), elsewhere], labels={"zone": "b"}) is None


def test_a_claim_of_the_same_name_is_another() -> None:
    ref = claim_ref(claim())
    assert is_volume_of(volume("v", claimRef=ref), claim())
    assert is_volume_of(volume("v", claimRef=ref | {"uid": ""}), claim())
    assert not is_volume_of(volume("v", claimRef=ref | {"uid": "0"}), claim())


def test_a_node_has_to_reach_it() -> None:
    volumes = [volume("a", nodeAffinity=on("a")), volume("b", "2Gi", nodeAffinity=on("b"))]
    for zone in ("a", "b"):
        chosen = matching_volume(claim(), volumes, labels={"zone": zone})
        assert chosen and chosen["metadata"]["name"] == zone
    assert matching_volume(claim(), volumes, labels={"zone": "b"}, taken={"b"}) is None
    assert matching_volume(claim(), volumes, labels={}) is None


@pytest.mark.parametrize(
    ("terms", "allowed"),
    [
        (None, True),
        ([], True),
        ([{"matchLabelExpressions": [{"key": "zone", "values": ["a", "b"]}]}], True),
        ([{"matchLabelExpressions": [{"key": "zone", "values": ["b"]}]}], False),
        ([{"matchLabelExpressions": []}], False),
        ([{}, {"matchLabelExpressions": [{"key": "zone", "values": ["a"]}, {"key": "rack", "values": ["1"]}]}], False),
    ],
)
def test_allowed_topologies(terms: Any, allowed: bool) -> None:
    assert topology_allows(terms, {"zone": "a"}) is allowed


SIZES = st.sampled_from(["0", "1", "1Gi", "1024Mi", "1G", "9223372036854775807", "1n", "-1", "8Ei"])


@given(SIZES, st.lists(SIZES, max_size=6))
def test_never_too_small_and_never_larger_than_need_be(wanted: str, offered: list[str]) -> None:
    from sampan.machinery import quantity

    volumes = [volume(str(number), size) for number, size in enumerate(offered)]
    chosen = matching_volume(claim(wanted), volumes)
    fitting = [quantity.parse(size).nano for size in offered if quantity.compare(size, wanted) >= 0]
    assert (chosen is None) == (not fitting)
    if chosen is not None:
        assert quantity.parse(chosen["spec"]["capacity"]["storage"]).nano == min(fitting)
