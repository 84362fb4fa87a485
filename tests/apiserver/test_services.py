"""Cluster IPs and node ports: allocated, kept, refused, given back."""

import asyncio
from ipaddress import IPv4Network, ip_address
from typing import Any

import pytest

from sampan.apiserver.allocators.pool import Pool, PoolError
from sampan.apiserver.allocators.services import ServiceAllocators
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
    assert "is not in the valid range. The range of valid IPs is 10.96.0.0/12" in outside.body["message"]
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
    assert "valid ports is 30000-32767" in (await api.call("POST", SERVICES, wanted)).body["message"]


def allocators(api: API) -> ServiceAllocators:
    found = api.server.services.allocators["services"]
    assert isinstance(found, ServiceAllocators)
    return found


async def test_a_change_of_type_gives_back(api: API) -> None:
    made = await api.create(SERVICES, service("a", type="NodePort"))
    number, ports = made["spec"]["ports"][0]["nodePort"], allocators(api).ports
    assert number in ports
    changed = (await api.patch(f"{SERVICES}/a", {"spec": {"type": "ClusterIP"}})).body["spec"]
    assert changed["clusterIP"] == made["spec"]["clusterIP"]
    assert "nodePort" not in changed["ports"][0]
    assert number not in ports
    external = {"spec": {"type": "ExternalName", "externalName": "example.com"}}
    assert "clusterIP" not in (await api.patch(f"{SERVICES}/a", external)).body["spec"]
    assert int(ip_address(made["spec"]["clusterIP"])) not in allocators(api).addresses


async def test_refused_writes_give_back(api: API) -> None:
    before = len(allocators(api).addresses._taken)
    assert (await api.call("POST", SERVICES, service("Bad"))).status == 422
    assert (await api.call("POST", SERVICES, service("a"), query={"dryRun": "All"})).status == 201
    assert len(allocators(api).addresses._taken) == before


def test_a_cancelled_write_may_stand_and_keeps_its_numbers() -> None:
    pools = ServiceAllocators(RANGE)
    one, other = (service(name, type="ClusterIP", clusterIP="10.96.0.9") for name in ("one", "other"))
    with pytest.raises(asyncio.CancelledError), pools.reserve(one, None, dry_run=False):
        raise asyncio.CancelledError
    with pytest.raises(Invalid, match="already allocated"), pools.reserve(other, None, dry_run=False):
        pytest.fail("two Services with one address")


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


def test_pool_is_exhausted_band_by_band() -> None:
    pool = Pool(100, 20, 4, "port", "")
    upper = {pool.take_any() for _ in range(16)}
    assert upper == set(range(104, 120))
    assert {pool.take_any() for _ in range(4)} == set(range(100, 104))
    with pytest.raises(PoolError, match="range is full"):
        pool.take_any()
    pool.release(110)
    assert pool.take_any() == 110
