"""ServiceCIDRs: protected, said to be ready, kept while their addresses are in use."""

from sampan.controllers.service_cidr import FINALIZER, IN_USE, READY_MESSAGE, may_go
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.networking.service_cidr import KIND as SERVICE_CIDR
from sampan.machinery.meta import Object
from tests.controllers.cluster import Cluster


def ranges(name: str, *cidrs: str) -> Object:
    """A ServiceCIDR."""
    return {"metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}


def taken(ip: str, manager: str = "ipallocator.k8s.io") -> Object:
    """An IPAddress."""
    return {"metadata": {"name": ip, "labels": {"ipaddress.kubernetes.io/managed-by": manager}}}


def ready(service_cidr: Object) -> tuple[str, str, str]:
    """The condition."""
    for condition in service_cidr["status"].get("conditions", ()):
        return condition["status"], condition["reason"], condition["message"]
    return "", "", ""


def test_addresses_in_use_keep_the_only_range_that_has_them() -> None:
    mine, other = ranges("mine", "10.1.0.0/24"), ranges("other", "10.2.0.0/24")
    assert may_go(mine, [other], [])
    assert not may_go(mine, [other], [taken("10.1.0.9")])
    assert may_go(mine, [other], [taken("10.1.0.9", "example.com"), taken("10.2.0.9")])


def test_a_range_within_another_may_go() -> None:
    mine = ranges("mine", "10.1.0.0/24")
    assert may_go(mine, [ranges("wide", "10.1.0.0/16")], [taken("10.1.0.9")])
    assert may_go(mine, [ranges("half", "10.1.0.0/25")], [taken("10.1.0.9")])
    assert not may_go(mine, [ranges("half", "10.1.0.0/25")], [taken("10.1.0.200")])


def test_an_address_that_the_other_range_cannot_give_is_not_in_it() -> None:
    assert not may_go(ranges("mine", "10.1.0.0/24"), [ranges("half", "10.1.0.0/25")], [taken("10.1.0.127")])


async def test_a_range_is_protected_and_ready(cluster: Cluster) -> None:
    await cluster.create(SERVICE_CIDR, ranges("more", "10.1.0.0/24"))
    made = await cluster.one(SERVICE_CIDR, "more", lambda found: ready(found)[0] == "True")
    assert made["metadata"]["finalizers"] == [FINALIZER]
    assert ready(made) == ("True", "", READY_MESSAGE)


async def test_a_range_goes_after_its_last_address(cluster: Cluster) -> None:
    await cluster.create(SERVICE_CIDR, ranges("more", "10.1.0.0/24"))
    await cluster.one(SERVICE_CIDR, "more", lambda found: ready(found)[0] == "True")
    spec = {"clusterIP": "10.1.0.9", "ports": [{"port": 80}]}
    await cluster.create(SERVICE, {"metadata": {"name": "a"}, "spec": spec})
    await cluster.client.delete(SERVICE_CIDR, "more")
    kept = await cluster.one(SERVICE_CIDR, "more", lambda found: ready(found)[0] == "False")
    assert ready(kept) == ("False", "Terminating", IN_USE)
    await cluster.client.delete(SERVICE, "a", "shop")
    await cluster.gone(SERVICE_CIDR, "more")
