"""What Services, slices and pods come to: golden files, one per case, to be read as much as to be compared.

SAMPAN_UPDATE_GOLDEN=1 writes them anew.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sampan.machinery.meta import Object, key_of
from sampan.proxy.render import Renderer, render
from sampan.proxy.ruleset import RuleSet, diff, empty, full
from tests.netlab import lab
from tests.proxy.objects import CONFIG, endpoint, endpoint_slice, pod, port, service

GOLDEN = Path(__file__).parent / "golden"
HERE, ALSO_HERE, AWAY = endpoint("10.244.0.5"), endpoint("10.244.0.6"), endpoint("10.244.1.7", node="node-2")


@dataclass
class Case:
    services: Iterable[Object] = ()
    slices: Iterable[Object] = ()
    pods: Iterable[Object] = ()

    def rendered(self) -> RuleSet:
        return render(self.services, self.slices, self.pods, CONFIG)


def going(*endpoints: Object) -> list[Object]:
    """Endpoints of pods that are being deleted but still serve."""
    terminating = {"ready": False, "serving": True, "terminating": True}
    return [made | {"conditions": terminating} for made in endpoints]


NODE_PORT = {"type": "NodePort", "ports": [port(node_port=30080)]}
FOR_NODES = {"hints": {"forNodes": [{"name": "node-1"}]}}
FOR_OTHERS = {"hints": {"forNodes": [{"name": "node-2"}]}}
CASES = {
    "no-services": Case(),
    "cluster-ip": Case([service("web")], [endpoint_slice("web", HERE, AWAY)]),
    "no-endpoints": Case([service("web", **NODE_PORT)]),
    "not-ready": Case([service("web")], [endpoint_slice("web", HERE | {"conditions": {"ready": False}})]),
    "terminating-as-a-last-resort": Case([service("web")], [endpoint_slice("web", *going(HERE, AWAY))]),
    "ready-before-terminating": Case([service("web")], [endpoint_slice("web", HERE, *going(AWAY))]),
    "two-slices-two-ports": Case(
        [service("web", "10.96.0.1", port(80, name="http"), port(53, name="dns", protocol="UDP"))],
        [
            endpoint_slice("web", HERE, ports=[{"name": "http", "port": 8080, "protocol": "TCP"}], name="a"),
            endpoint_slice("web", HERE, AWAY, ports=[{"name": "dns", "port": 53, "protocol": "UDP"}], name="b"),
        ],
    ),
    "session-affinity": Case(
        [service("web", sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}})],
        [endpoint_slice("web", HERE, AWAY)],
    ),
    "node-port": Case([service("web", **NODE_PORT)], [endpoint_slice("web", HERE)]),
    "external-policy-local": Case(
        [service("web", externalTrafficPolicy="Local", **NODE_PORT)], [endpoint_slice("web", HERE, AWAY)]
    ),
    "external-policy-local-none-here": Case(
        [service("web", externalTrafficPolicy="Local", **NODE_PORT)], [endpoint_slice("web", AWAY)]
    ),
    "internal-policy-local": Case([service("web", internalTrafficPolicy="Local")], [endpoint_slice("web", HERE, AWAY)]),
    "internal-policy-local-none-here": Case(
        [service("web", internalTrafficPolicy="Local")], [endpoint_slice("web", AWAY)]
    ),
    "load-balancer": Case(
        [service("web", balancer="10.240.0.1", loadBalancerSourceRanges=["192.0.2.0/24", "192.0.2.0/25"])],
        [endpoint_slice("web", HERE)],
    ),
    "external-ips": Case([service("web", externalIPs=["198.51.100.1"])], [endpoint_slice("web", HERE)]),
    "one-external-ip-for-two": Case(
        [service("b", "10.96.0.2", externalIPs=["198.51.100.1"]), service("a", externalIPs=["198.51.100.1"])],
        [endpoint_slice("a", HERE), endpoint_slice("b", ALSO_HERE)],
    ),
    "hints-for-this-node": Case([service("web")], [endpoint_slice("web", HERE | FOR_NODES, AWAY | FOR_OTHERS)]),
    "hints-not-for-all": Case([service("web")], [endpoint_slice("web", HERE | FOR_NODES, AWAY)]),
    "hints-not-for-the-last-resort": Case(
        [service("web")], [endpoint_slice("web", *going(HERE | FOR_NODES, AWAY | FOR_OTHERS))]
    ),
    "host-ports": Case(
        pods=[
            pod("p", "10.244.0.9", {"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}),
            pod("q", "10.244.0.10", {"containerPort": 53, "hostPort": 53, "protocol": "UDP", "hostIP": "192.0.2.1"}),
        ]
    ),
}


def script(old: RuleSet, new: RuleSet) -> str:
    return diff(old, new).replace(f" ip {CONFIG.table}", "")


def compare(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.nft"
    if os.environ.get("SAMPAN_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("name", sorted(CASES))
def test_rendering(name: str) -> None:
    base = empty(CONFIG.table) if name == "no-services" else CASES["no-services"].rendered()
    compare(name, script(base, CASES[name].rendered()))


def test_the_zone_of_the_node_may_change() -> None:
    hinted = [one | {"hints": {"forZones": [{"name": zone}]}} for one, zone in ((HERE, "a"), (AWAY, "b"))]
    web, slices = service("web"), [endpoint_slice("web", *hinted)]
    renderer, reached = Renderer(CONFIG), []
    for zone in ("", "a", "b", "b", "c"):
        changed = renderer.set_zone(zone)
        renderer.set_service(key_of(web), web, slices)
        chains = renderer.ruleset().chains
        reached.append((changed, [name.split("/")[5] for name in chains if name.startswith("endpoint/")]))
    both = ["10.244.0.5", "10.244.1.7"]
    assert reached == [(False, both), (True, both[:1]), (True, both[1:]), (False, both[1:]), (True, both)]


CHANGES = {
    "change-one-endpoint-more": ("node-port", Case([service("web", **NODE_PORT)], [endpoint_slice("web", HERE, AWAY)])),
    "change-last-endpoint-gone": ("node-port", CASES["no-endpoints"]),
    "change-first-endpoint": ("no-endpoints", CASES["node-port"]),
    "change-affinity-time": (
        "session-affinity",
        Case([service("web", sessionAffinity="ClientIP")], [endpoint_slice("web", HERE, AWAY)]),
    ),
    "change-service-gone": ("load-balancer", CASES["no-services"]),
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_changes(name: str) -> None:
    before, after = CHANGES[name]
    compare(name, script(CASES[before].rendered(), after.rendered()))


@pytest.mark.parametrize(
    "ignored",
    [
        service("web", "None"),
        service("web", "", type="ExternalName", externalName="example.com"),
        service("web", "fd00::1"),
        service("web", "10.96.0.1; flush ruleset"),
        service("web")
        | {"metadata": {"name": "web", "namespace": "ns", "labels": {"service.kubernetes.io/service-proxy-name": "x"}}},
    ],
    ids=["headless", "external-name", "ipv6", "not-an-address", "another-proxys"],
)
def test_services_that_are_not_proxied(ignored: Object) -> None:
    assert Case([ignored], [endpoint_slice("web", HERE)]).rendered() == CASES["no-services"].rendered()


@pytest.mark.parametrize(
    "ignored",
    [
        pod("p", "10.244.0.9", {"containerPort": 80, "hostPort": 80}, hostNetwork=True),
        pod("p", "", {"containerPort": 80, "hostPort": 80}),
        pod("p", "10.244.0.9", {"containerPort": 80}),
        pod("p", "10.244.0.9", {"containerPort": 80, "hostPort": 80})
        | {"status": {"phase": "Failed", "podIP": "10.244.0.9"}},
    ],
    ids=["host-network", "no-address-yet", "no-host-port", "over"],
)
def test_pods_without_host_ports_of_ours(ignored: Object) -> None:
    assert Case(pods=[ignored]).rendered() == CASES["no-services"].rendered()


EVIL = "TCP } ; flush ruleset ; #"


def test_nothing_of_an_object_gets_into_the_script_unchecked() -> None:
    evil = service(
        *("web", "10.96.0.1", port(80, protocol=EVIL)),
        externalIPs=[EVIL, "192.0.2.9\n"],
        loadBalancerSourceRanges=[EVIL],
        balancer="192.0.2.8 ; flush ruleset",
    )
    host = pod("p", "10.244.0.9", {"containerPort": 80, "hostPort": 80, "protocol": EVIL})
    addressed = pod("q", "10.244.0.9", {"containerPort": 80, "hostPort": 81, "hostIP": EVIL})
    text = full(Case([evil], [endpoint_slice("web", endpoint(EVIL))], [host, addressed]).rendered())
    assert "flush ruleset" not in text and "192.0.2.9" not in text


def test_nobody_takes_a_cluster_ip_by_naming_it_as_external() -> None:
    robbed = service("web", "10.96.0.10")
    robber = service("a", "10.96.0.11", externalIPs=["10.96.0.10", "192.0.2.9"])
    slices = [endpoint_slice("web", HERE), endpoint_slice("a", AWAY)]
    elements = Case([robber, robbed], slices).rendered().elements["service-ips"]
    assert elements["10.96.0.10 . tcp . 80"] == "goto service/ns/web/tcp/80"
    assert elements["192.0.2.9 . tcp . 80"] == "goto external/ns/a/tcp/80"


def long_named() -> RuleSet:
    """The longest names that the API allows: one that the kernel refuses would hold up all Services of the node."""
    ports = [{"containerPort": 80, "hostPort": n, "hostIP": "192.0.2.200", "protocol": "SCTP"} for n in (60000, 60001)]
    stuck = service("s" * 63, "10.96.0.1", port(65535, protocol="SCTP"), sessionAffinity="ClientIP")
    ours = endpoint_slice("s" * 63, endpoint("10.244.100.100"), ports=[port(65535, protocol="SCTP")])
    made = pod("p" * 253, "10.244.0.9", *ports)
    for obj in (stuck, ours, made):
        obj["metadata"]["namespace"] = "n" * 63
    return Case([stuck], [ours], [made]).rendered()


def test_names_of_any_length_fit_into_the_kernel() -> None:
    names = [name for name in long_named().chains if "/" in name]
    assert len(names) == 4 and max(map(len, names)) <= 200
    assert all(re.fullmatch(r"[a-z][a-z0-9/.-]*", name) for name in names)


@pytest.mark.node
def test_the_kernel_takes_long_names() -> None:
    with lab() as machine:
        machine.nft(full(long_named()))


def test_addresses_of_other_families_are_left_out() -> None:
    six = endpoint_slice("web", endpoint("fd00::5")) | {"addressType": "IPv6"}
    wrong = endpoint_slice("web", endpoint("10.244.0.5 }; flush ruleset"), name="wrong")
    assert Case([service("web")], [six, wrong]).rendered() == Case([service("web")]).rendered()
