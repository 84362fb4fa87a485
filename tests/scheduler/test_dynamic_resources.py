"""What claims for devices mean to where a pod can run, and what the scheduler keeps and writes for it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from sampan.client.api import Client
from sampan.client.informer import Informer
from sampan.kinds.resource.resource_claim import KIND as CLAIM
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, key_of
from sampan.scheduler.devices.store import Devices
from sampan.scheduler.devices.turns import Limits
from sampan.scheduler.devices.writing import write
from sampan.scheduler.framework import PluginError, Refusal, Rejected, Unfinished
from sampan.scheduler.plugins.dynamic_resources import DynamicResources
from sampan.scheduler.pod_info import PodInfo
from sampan.testing.clock import VirtualClock
from sampan.testing.scheduling import Nowhere
from tests.scheduler.devices import DRIVER, claim, device, device_class, request, slice_of
from tests.scheduler.objects import cluster, info, node

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HERE = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["here"]}]}]}
MINE = {"resource": "pods", "name": "new", "uid": "uid-new"}


class World:
    """The plugin, with informers that show some objects."""

    def __init__(self, *objects: Object, limits: Limits | None = None) -> None:
        self.informers: dict[str, Informer] = {}
        self.happened: list[Any] = []
        self.devices = Devices(self._follow, lambda events, concerns: self.happened.append(concerns), lambda pod: None)
        self.plugin = DynamicResources(self.devices, Client(Nowhere()), VirtualClock(), limits or Limits())
        for name, informer in self.informers.items():
            informer._replace({key_of(obj): obj for obj in objects if obj["kind"] == name})

    def _follow(self, kind: Kind) -> Informer:
        return self.informers.setdefault(kind.name, Informer(Client(Nowhere()), kind))

    def show(self, obj: Object) -> None:
        informer = self.informers[obj["kind"]]
        informer._replace({**informer._objects, key_of(obj): obj})

    async def verdicts(self, pod: PodInfo, *nodes: str) -> Any:
        """Of each node, "" for yes; or why there is none."""
        if self.plugin.lacks(pod):
            await self.plugin.look_ahead(pod)
        state = cluster(*map(node, nodes))
        check = self.plugin.prepare(pod, state)
        if check is None or isinstance(check, Refusal):
            return check and check.reason
        found = [check(one) for name in nodes if (one := state.node(name))]
        return [", ".join(rejection.reasons) if rejection else "" for rejection in found]


def using(*claims: str, name: str = "new", **more: Any) -> PodInfo:
    return info(name, resourceClaims=[{"name": one, "resourceClaimName": one} for one in claims], **more)


def allocated(name: str = "a", node: str = "here") -> Object:
    got = {"request": "r", "driver": DRIVER, "pool": node, "device": name}
    return {"devices": {"results": [got]}, "nodeSelector": HERE}


TWO = slice_of(device("a"), device("b"))


async def test_a_pod_goes_where_its_devices_are() -> None:
    world = World(TWO, device_class(), claim("c", request("r", 2)), claim("d", allocation=allocated("z")))
    assert await world.verdicts(info(), "here") is None
    assert await world.verdicts(using("c"), "there", "here") == ["cannot allocate all claims", ""]
    assert await world.verdicts(using("c", "d"), "there", "here") == ["cannot allocate all claims", ""]
    assert await world.verdicts(using("d"), "there", "here") == ["resourceclaim not available on the node", ""]


@pytest.mark.parametrize(
    ("objects", "pod", "why"),
    [
        ([], using("c"), 'could not find ResourceClaim "default/c"'),
        ([claim("c")], using("c"), "request r: device class gpu does not exist"),
        (
            [],
            info(resourceClaims=[{"name": "c", "resourceClaimTemplateName": "t"}]),
            'pod "default/new": ResourceClaim not created yet',
        ),
        (
            [claim("x")],
            info(
                resourceClaims=[{"name": "c", "resourceClaimTemplateName": "t"}],
                status={"resourceClaimStatuses": [{"name": "c", "resourceClaimName": "x"}]},
            ),
            "ResourceClaim default/x was not created for Pod default/new (Pod is not owner)",
        ),
    ],
)
async def test_what_keeps_a_pod_from_every_node(objects: list[Object], pod: PodInfo, why: str) -> None:
    assert await World(*objects).verdicts(pod, "here") == why


async def test_promised_devices_are_nobody_elses_until_the_claim_is_seen_or_the_pod_fails() -> None:
    world = World(TWO, device_class(), claim("c", request("r", 2)), claim("d"))
    pod, state = using("c"), cluster(node("here"))
    here = state.node("here")
    assert here is not None and await world.verdicts(pod, "here") == [""]
    world.plugin.reserve(pod, here)
    assert world.plugin.prepares(pod)
    assert await world.verdicts(using("d"), "here") == ["cannot allocate all claims"]
    why = "resource claim default/c is in the process of being allocated"
    assert await world.verdicts(using("c", name="other"), "here") == why
    world.plugin.unreserve(pod)
    assert await world.verdicts(using("d"), "here") == [""] and world.happened[-1] is None
    await world.verdicts(pod, "here")
    world.plugin.reserve(pod, here)
    plan = world.plugin._plans[pod.key]
    written = {**plan.promised[0], "metadata": {**plan.promised[0]["metadata"], "resourceVersion": "2"}}
    world.devices.confirm(written)
    world.plugin.post_bind(pod, "here")  # before the informer has seen it
    assert await world.verdicts(using("d"), "here") == ["cannot allocate all claims"]
    assert await world.verdicts(using("c", name="other"), "here") == [""]
    world.show(written)
    assert await world.verdicts(using("d"), "here") == ["cannot allocate all claims"]
    world.show(claim("c"))  # let go of
    assert await world.verdicts(using("d"), "here") == [""]


async def test_rules_taint_devices_and_slices_come_and_go() -> None:
    selector = {"driver": DRIVER, "device": "a"}
    taint = {"key": "x", "effect": "NoSchedule"}
    rule = {"kind": "DeviceTaintRule", "metadata": {"name": "r"}, "spec": {"deviceSelector": selector, "taint": taint}}
    world = World(TWO, device_class(), claim("c", request("r", 2)))
    assert await world.verdicts(using("c"), "here") == [""]
    world.show(rule)
    assert await world.verdicts(using("c"), "here") == ["cannot allocate all claims"]
    more = slice_of(device("a"), device("b"), device("c"))
    world.show({**more, "metadata": {**more["metadata"], "resourceVersion": "2"}})
    assert await world.verdicts(using("c"), "here") == [""]
    world.informers["ResourceSlice"]._replace({})
    assert await world.verdicts(using("c"), "here") == ["cannot allocate all claims"]


async def test_searches_that_take_too_long_and_selectors_that_fail_are_errors() -> None:
    many = slice_of(*(device(f"d{n}", numa=n) for n in range(32)))
    same = {"matchAttribute": f"{DRIVER}/numa"}
    world = World(many, device_class(), claim("c", request("r", 2), constraints=[same]), limits=Limits(node=100))
    with pytest.raises(PluginError, match="node here: timed out trying to allocate devices"):
        await world.verdicts(using("c"), "here")
    world = World(TWO, device_class("gpu", "device.attributes['x'].y"), claim("c"))
    with pytest.raises(
        PluginError, match=r"class gpu: selector #0 on device gpu\.example\.com/here/a: CEL runtime error"
    ):
        await world.verdicts(using("c"), "here")


async def test_a_pod_that_asks_for_more_than_can_be_read_in_time_is_refused() -> None:
    requests = [request(f"r{n}", 1, *["true"] * 32) for n in range(32)]
    names = [f"c{n}" for n in range(8)]
    world = World(TWO, device_class(), *(claim(name, *requests) for name in names))
    assert await world.verdicts(using(*names), "here") == "the resource claims ask for too much at once"
    assert not world.plugin.lacks(using(*names))


async def test_many_nodes_are_searched_in_turns() -> None:
    nodes = [f"n{n}" for n in range(40)]
    slices = [slice_of(device("a"), node=name) for name in nodes]
    world = World(*slices, device_class(), claim("c", request("r", 2)), limits=Limits(turn=50))
    turns = 0
    while True:
        try:
            found = await world.verdicts(using("c"), *nodes)
        except Unfinished:
            turns += 1
            await asyncio.sleep(0)
        else:
            break
    assert found == ["cannot allocate all claims"] * 40 and turns == 2
    world.show(claim("d", allocation=allocated()))  # all is to be found out again, but not for ever
    world.plugin._limits = Limits(pod=20)
    with pytest.raises(PluginError, match="timed out"):
        await world.verdicts(using("c"), *nodes)


class API(Client):
    """Takes what is written; `other` is what somebody else has written meanwhile."""

    def __init__(self) -> None:
        super().__init__(Nowhere())
        self.written: list[tuple[str, Object]] = []

    async def update(self, kind: Kind, obj: Object, *, subresource: str = "") -> Object:
        assert kind is CLAIM
        self.written.append((subresource, obj))
        version = str(1 + len(self.written))
        return {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}


async def test_claims_are_protected_given_their_devices_and_reserved_before_the_pod_is_bound() -> None:
    world = World(TWO, device_class(), claim("c"), claim("d", allocation=allocated("z"), reserved=[{"uid": "x"}]))
    api = world.plugin._client = API()
    pod, here = using("c", "d"), cluster(node("here")).node("here")
    assert here is not None and await world.verdicts(pod, "here") == [""]
    world.plugin.reserve(pod, here)
    await world.plugin.pre_bind(pod, "here")
    (_, protected), (_, given), (_, reserved) = api.written
    assert [subresource for subresource, _ in api.written] == ["", "status", "status"]
    assert protected["metadata"]["finalizers"] == ["resource.kubernetes.io/delete-protection"]
    assert given["status"]["reservedFor"] == [MINE] and given["status"]["allocation"]["nodeSelector"] == HERE
    assert given["status"]["allocation"]["devices"] == allocated("a")["devices"]
    assert reserved["status"]["reservedFor"] == [{"uid": "x"}, MINE]
    world.show(claim("c", allocation=allocated("b"), reserved=[MINE]))
    world.plugin.post_bind(pod, "here")
    world.plugin._plans.clear()
    await world.verdicts(using("c"), "here")
    world.plugin.reserve(using("c"), here)
    assert not world.plugin.prepares(using("c"))


async def test_what_has_changed_before_it_is_written_stops_the_pod() -> None:
    world = World(TWO, device_class(), claim("c"))
    pod = using("c")
    with pytest.raises(Rejected, match="claim default/c got allocated elsewhere in the meantime"):
        await write(world.plugin._client, claim("c", allocation=allocated()), allocated(), pod, NOW)
    with pytest.raises(Rejected, match="claim default/c got deallocated elsewhere in the meantime"):
        await write(world.plugin._client, claim("c"), None, pod, NOW)


@pytest.mark.parametrize(("reserved", "freed"), [([], True), ([MINE], True), ([MINE, {"uid": "other"}], False)])
async def test_an_unused_claim_that_keeps_its_pod_from_every_node_loses_its_devices(reserved: Any, freed: bool) -> None:
    world = World(TWO, device_class(), claim("c", allocation=allocated(), reserved=reserved))
    api = world.plugin._client = API()
    assert await world.verdicts(using("c"), "there") == ["resourceclaim not available on the node"]
    said = await world.plugin.post_filter(using("c"))
    assert said == ("deallocation of ResourceClaim completed" if freed else "")
    assert [obj["status"] for _, obj in api.written] == ([{}] if freed else [])


async def test_earlier_choices_are_better() -> None:
    first = [{"name": n, "deviceClassName": c, "count": 1} for n, c in (("best", "big"), ("good", "gpu"))]
    big = device_class("big", f'device.attributes["{DRIVER}"].size == "big"')
    large = slice_of(device("a", size="big"), node="there")
    world = World(slice_of(device("a", size="small")), large, device_class(), big)
    world.show(claim("c", {"name": "r", "firstAvailable": first}))
    pod, state = using("c"), cluster(node("here"), node("there"))
    assert await world.verdicts(pod, "here", "there") == ["", ""]
    nodes = [one for name in ("here", "there") if (one := state.node(name))]
    assert world.plugin.scores(pod, state, nodes) == [87, 100]
