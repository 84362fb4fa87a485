"""Cluster IPs and node ports: allocated, kept, refused, given back."""

import asyncio
from ipaddress import IPv4Network, ip_address
from typing import Any

import pytest

from sampan.apiserver.allocators.claims import ADDRESSES, PORTS
from sampan.machinery.errors import Invalid
from sampan.storage.memory import MemoryStore
from tests.apiserver.harness import API, running

SERVICES = "/api/v1/namespaces/default/services"
RANGE = IPv4Network("10.96.0.0/12")


def service(name: str, *ports: int, **spec: Any) -> dict[str, Any]:
    """A Service."""
    listed = [{"name": f"p{port}", "port": port} for port in ports or (80,)]
    return {"metadata": {"name": name}, "spec": {"ports": listed, **spec}}


async def test_addresses_are_unique_and_from_the_upper_band(api: API) -> None:
    made = [await api.create(SERVICES, service(f"s{i}")) for i in range(20)]
    addresses = [s["spec"]["clusterIP"] for s in made]
    assert len(set(addresses)) == 20
    assert all(ip_address(a) in RANGE and int(ip_address(a)) > int(RANGE[256]) for a in addresses)
    spec = made[0]["spec"]
    assert (spec["clusterIPs"], spec["ipFamilies"], spec["ipFamilyPolicy"]) == (addresses[:1], ["IPv4"], "SingleStack")


async def test_chosen_addresses(api: API) -> None:
    await api.create(SERVICES, service("dns", clusterIP="10.96.0.10"))
    taken = await api.call("POST", SERVICES, service("b", clusterIP="10.96.0.10"))
    assert taken.status == 422
    assert taken.body["message"] == (
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: '
        "failed to allocate IP 10.96.0.10: provided IP is already allocated"
    )
    outside = await api.call("POST", SERVICES, service("b", clusterIP="192.168.0.1"))
    assert outside.body["message"].endswith(
        "failed to allocate IP 192.168.0.1: the provided network does not match the current range"
    )
    other = await api.call("POST", SERVICES, service("b", clusterIP="fd00::1"))
    assert other.body["message"].endswith(
        'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster'
    )
    await api.call("DELETE", f"{SERVICES}/dns")
    await api.create(SERVICES, service("b", clusterIP="10.96.0.10"))


async def test_node_ports(api: API) -> None:
    made = (await api.create(SERVICES, service("a", 80, 81, type="NodePort")))["spec"]["ports"]
    numbers = [port["nodePort"] for port in made]
    assert len(set(numbers)) == 2
    assert all(30086 <= number <= 32767 for number in numbers)
    wanted = {"metadata": {"name": "b"}, "spec": {"type": "NodePort", "ports": [{"port": 1, "nodePort": numbers[0]}]}}
    taken = await api.call("POST", SERVICES, wanted)
    assert taken.body["message"] == (
        f'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: {numbers[0]}: '
        "provided port is already allocated"
    )
    wanted["spec"]["ports"][0]["nodePort"] = 80  # type: ignore[index]
    assert (
        (await api.call("POST", SERVICES, wanted))
        .body["message"]
        .endswith("provided port is not in the valid range. The range of valid ports is 30000-32767")
    )


def claimed(api: API) -> set[str]:
    """The addresses and ports that are taken."""
    cache = api.server.services.cache
    return {entry.key.rpartition("/")[2] for prefix in (ADDRESSES, PORTS) for entry in cache.list(prefix).items}


async def test_a_change_of_type_gives_back(api: API) -> None:
    made = await api.create(SERVICES, service("a", type="NodePort"))
    number = str(made["spec"]["ports"][0]["nodePort"])
    assert number in claimed(api)
    changed = (await api.patch(f"{SERVICES}/a", {"spec": {"type": "ClusterIP"}})).body["spec"]
    assert changed["clusterIP"] == made["spec"]["clusterIP"]
    assert "nodePort" not in changed["ports"][0]
    assert number not in claimed(api)
    external = {"spec": {"type": "ExternalName", "externalName": "example.com"}}
    assert "clusterIP" not in (await api.patch(f"{SERVICES}/a", external)).body["spec"]
    assert made["spec"]["clusterIP"] not in claimed(api)


async def test_what_is_deleted_gives_back(api: API) -> None:
    before = claimed(api)
    await api.create(SERVICES, service("a", 80, 81, type="LoadBalancer", externalTrafficPolicy="Local"))
    assert len(claimed(api) - before) == 4
    await api.call("DELETE", f"{SERVICES}/a")
    assert claimed(api) == before


async def test_refused_writes_give_back(api: API) -> None:
    before = claimed(api)
    assert (await api.call("POST", SERVICES, service("Bad", type="NodePort"))).status == 422
    assert (await api.call("POST", SERVICES, service("a"), query={"dryRun": "All"})).status == 201
    assert claimed(api) == before


async def test_a_name_that_is_taken_keeps_what_the_first_has(api: API) -> None:
    await api.create(SERVICES, service("a", type="NodePort"))
    before = claimed(api)
    assert (await api.call("POST", SERVICES, service("a", type="NodePort"))).status == 409
    assert claimed(api) == before


async def test_a_cancelled_write_may_stand_and_keeps_its_numbers(api: API) -> None:
    services = api.server.services
    pools = services.allocators["services"]
    spec = {"type": "ClusterIP", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]}
    one, other = (service(name, **spec) for name in ("one", "other"))
    with pytest.raises(asyncio.CancelledError):
        async with pools.reserve(services, one, None, dry_run=False):
            raise asyncio.CancelledError
    with pytest.raises(Invalid, match="already allocated"):
        async with pools.reserve(services, other, None, dry_run=False):
            pytest.fail("two Services with one address")


async def test_a_port_in_two_protocols_has_one_node_port(api: API) -> None:
    ports = [
        {"name": "udp", "port": 53, "protocol": "UDP"},
        {"name": "tcp", "port": 53, "protocol": "TCP", "nodePort": 30053},
    ]
    made = await api.create(SERVICES, {"metadata": {"name": "dns"}, "spec": {"type": "NodePort", "ports": ports}})
    assert [port["nodePort"] for port in made["spec"]["ports"]] == [30053, 30053]


async def test_update_keeps_what_was_allocated(api: API) -> None:
    made = await api.create(SERVICES, service("a", type="NodePort"))
    again = await api.call("PUT", f"{SERVICES}/a", service("a", type="NodePort"))
    assert again.body["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert again.body["spec"]["ports"] == made["spec"]["ports"]


async def test_headless(api: API) -> None:
    made = await api.create(SERVICES, service("a", clusterIP="None"))
    assert (made["spec"]["clusterIP"], made["spec"]["clusterIPs"]) == ("None", ["None"])


async def test_allocations_are_found_again_after_a_restart() -> None:
    store = MemoryStore()
    async with running(store=store) as api:
        await api.create(SERVICES, service("a", clusterIP="10.96.0.10"))
        await api.server.stop(0)
        async with running(store=store) as second:
            assert (await second.call("POST", SERVICES, service("b", clusterIP="10.96.0.10"))).status == 422


async def test_without_a_name_nothing_is_claimed(api: API) -> None:
    before = claimed(api)
    answer = await api.call("POST", SERVICES, {"metadata": {}, "spec": {"ports": [{"port": 80}]}})
    assert answer.status == 422 and "name or generateName is required" in answer.body["message"]
    assert claimed(api) == before


@pytest.mark.parametrize(
    ("spec", "policy", "families"),
    [
        ({}, "SingleStack", ["IPv4"]),
        ({"ipFamilyPolicy": "PreferDualStack"}, "PreferDualStack", ["IPv4"]),
        ({"clusterIP": "None", "selector": {"a": "b"}}, "SingleStack", ["IPv4"]),
        ({"clusterIP": "None"}, "RequireDualStack", ["IPv4", "IPv6"]),
        ({"clusterIP": "None", "ipFamilies": ["IPv6"]}, "RequireDualStack", ["IPv6", "IPv4"]),
        ({"clusterIP": "None", "ipFamilyPolicy": "SingleStack"}, "SingleStack", ["IPv4"]),
    ],
)
async def test_families(api: API, spec: Any, policy: str, families: list[str]) -> None:
    made = (await api.create(SERVICES, service("a", **spec)))["spec"]
    assert (made["ipFamilyPolicy"], made["ipFamilies"]) == (policy, families)
    again = await api.patch(f"{SERVICES}/a", {"metadata": {"labels": {"a": "b"}}})
    assert again.body["spec"] == made


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"ipFamilyPolicy": "RequireDualStack"},
            'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": '
            "this cluster is not configured for dual-stack services",
        ),
        ({"ipFamilies": ["IPv6"]}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
        (
            {"ipFamilies": ["IPv4", "IPv6"]},
            'spec.ipFamilyPolicy: Invalid value: "SingleStack": '
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
        ),
        ({"ipFamilies": ["IPv5"]}, 'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"'),
        ({"clusterIP": "10.96.0"}, 'spec.clusterIPs[0]: Invalid value: "10.96.0": must be a valid IP address'),
    ],
)
async def test_families_that_there_are_not(api: API, spec: Any, message: str) -> None:
    before = claimed(api)
    refused = await api.call("POST", SERVICES, service("a", **spec))
    assert refused.status == 422 and message in refused.body["message"]
    assert claimed(api) == before
