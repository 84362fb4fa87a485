"""The node's network: what is configured, and that it is all undone, in a namespace that stands for the machine."""

import asyncio
import json
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.cluster.forwarding import release_forwarding, require_forwarding
from sampan.cluster.network import Network, NetworkConfig, conflist, first_address, tear_down_commands
from sampan.cluster.network_watch import keep_up, tells_of_loss
from tests.netlab import Lab, in_namespace, lab

PLUGINS = Path("/usr/lib/cni")


def config_in(state: Path, name: str = "one") -> NetworkConfig:
    return NetworkConfig(
        name=name,
        state=state / name,
        pod_cidr="10.244.0.0/16",
        node_pod_cidr="10.244.0.0/24",
        service_cidr="10.96.0.0/12",
        lb_pool="10.240.0.0/24",
        cni_cache=state / "cni",
        run_dir=state / "run",
    )


def test_the_cni_configuration_is_a_chain_of_one_routed_plugin(tmp_path: Path) -> None:
    rendered = conflist(config_in(tmp_path))
    [plugin] = rendered["plugins"]
    assert (rendered["name"], plugin["type"], plugin["ipam"]["type"]) == ("sampan-one", "ptp", "host-local")
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/24", "gateway": "10.244.0.1"}]]
    assert "ipMasq" not in plugin  # that would be iptables


def test_tear_down_takes_nothing_that_is_not_ours(tmp_path: Path) -> None:
    routes = [
        {"dst": "10.96.0.0/12", "dev": "lo", "protocol": "83"},
        {"dst": "10.240.0.0/24", "dev": "lo", "protocol": "static"},  # somebody's own
        {"dst": "10.97.0.0/16", "dev": "lo", "protocol": "83"},  # another cluster's
        {"type": "unreachable", "dst": "10.244.0.0/16", "protocol": "83"},
    ]
    links = [
        {"ifname": "lo", "addr_info": [{"local": "10.244.0.1"}]},
        {"ifname": "veth1", "addr_info": [{"local": "10.244.0.1"}]},
        {"ifname": "veth2", "addr_info": [{"local": "10.245.0.1"}]},
        {},
    ]
    assert tear_down_commands(config_in(tmp_path), routes, links) == [
        "route del 10.96.0.0/12 proto 83",
        "route del unreachable 10.244.0.0/16 proto 83",
        "address del 10.244.0.1/32 dev lo",
        "link del veth1",
    ]


def test_the_node_goes_by_a_machine_address_not_a_pods() -> None:
    links = [
        {"ifname": "veth1", "addr_info": [{"local": "10.244.0.1"}]},
        {"ifname": "eth0", "addr_info": [{"local": "169.254.1.1"}, {"local": "192.0.2.7"}]},
    ]
    assert first_address(links) == "192.0.2.7"
    assert first_address(links[:1]) is None


@pytest.fixture
def machine() -> Iterator[Lab]:
    with lab() as made:
        made.sysctl("ip_forward", "0")
        yield made


def forwarding(machine: Lab) -> str:
    return in_namespace(machine.node, lambda: Path("/proc/sys/net/ipv4/ip_forward").read_text().strip())


def state_of(machine: Lab) -> str:
    """All that the network can leave behind in the kernel."""
    show = ["-4 address", "route show table all", "netns"]
    ip = "".join(machine.ip(f"-n {machine.node} {what}") for what in show[:2])
    return ip + machine.nft("list ruleset\n") + forwarding(machine)


@pytest.mark.node
def test_down_puts_the_machine_back_as_it_was(machine: Lab, tmp_path: Path) -> None:
    before = state_of(machine)
    network = Network(config_in(tmp_path))
    machine.run(network.up)
    machine.run(network.up)  # as after a crash
    assert forwarding(machine) == "1"
    assert "10.96.0.0/12 dev lo" in machine.ip(f"-n {machine.node} route")
    machine.nft(f"table ip {network.config.table} {{ chain c {{ type nat hook prerouting priority 0; }}\n}}\n")
    leftover = add_pod(machine, network.config)
    machine.run(network.down)
    assert state_of(machine) == before
    assert not network.config.ipam_dir.exists()
    assert not leftover.exists()
    machine.run(network.down)  # nothing left to do is not an error


def add_pod(machine: Lab, config: NetworkConfig) -> Path:
    """Connect a pod as containerd would; returns the result that libcni would have kept."""
    space, container = machine.namespace("pod"), "a" * 64
    environment = {
        **os.environ,
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": container,
        "CNI_NETNS": f"/run/netns/{space}",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": str(PLUGINS),
    }
    rendered = json.loads((config.cni_conf_dir / "10-sampan.conflist").read_text())
    single = {**rendered["plugins"][0], "name": rendered["name"], "cniVersion": rendered["cniVersion"]}
    command = ["nsenter", f"--net=/run/netns/{machine.node}", str(PLUGINS / "ptp")]
    subprocess.run(command, input=json.dumps(single).encode(), env=environment, check=True, capture_output=True)
    assert machine.ip(f"-n {space} -o -4 address show eth0").split()[3] == "10.244.0.2/24"
    kept = config.cni_cache / "results" / f"{config.network}-{container}-eth0"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    shutil.copy(kept, kept.with_name(f"cni-loopback-{container}-lo"))
    shutil.copy(kept, kept.with_name(f"{config.network}-other-{container}-eth0"))  # a cluster named "one-other"
    return kept


@pytest.mark.node
def test_another_clusters_cni_results_stay(machine: Lab, tmp_path: Path) -> None:
    network = Network(config_in(tmp_path))
    machine.run(network.up)
    kept = add_pod(machine, network.config)
    machine.run(network.down)
    assert [path.name for path in kept.parent.iterdir()] == [f"sampan-one-other-{'a' * 64}-eth0"]


@pytest.mark.node
def test_forwarding_goes_with_its_last_user(machine: Lab, tmp_path: Path) -> None:
    (tmp_path / "forwarding-1.json").write_text('{"users": ["in another namespace"], "original": "0"}')

    def play() -> list[str]:
        switch, seen = Path("/proc/sys/net/ipv4/ip_forward"), []
        for act, user in [
            (require_forwarding, "a"),
            (require_forwarding, "bb"),
            (require_forwarding, "a"),
            (release_forwarding, "a"),
            (release_forwarding, "bb"),
            (release_forwarding, "bb"),
        ]:
            act(tmp_path, user)
            seen.append(switch.read_text().strip())
        return seen

    assert in_namespace(machine.node, play) == ["1", "1", "1", "1", "0", "0"]


@pytest.mark.node
def test_forwarding_that_was_on_before_stays_on(machine: Lab, tmp_path: Path) -> None:
    def play() -> str:
        switch = Path("/proc/sys/net/ipv4/ip_forward")
        switch.write_text("1")
        require_forwarding(tmp_path, "a")
        assert list(tmp_path.iterdir())
        release_forwarding(tmp_path, "a")
        assert not list(tmp_path.iterdir())
        return switch.read_text().strip()

    assert in_namespace(machine.node, play) == "1"


@pytest.mark.node
@pytest.mark.parametrize(
    "harm",
    ["address del 10.244.0.1/32 dev lo", "route del 10.96.0.0/12", "route del unreachable 10.244.0.0/16", "forwarding"],
)
def test_what_somebody_takes_away_comes_back(machine: Lab, tmp_path: Path, harm: str) -> None:
    network = Network(config_in(tmp_path))
    machine.run(network.up)
    before = state_of(machine)
    machine.ip(f"-n {machine.node} route add 198.51.100.0/24 dev lo")

    async def suffer() -> None:
        keeping = asyncio.ensure_future(keep_up(network))
        await asyncio.sleep(0)  # it listens from here on
        machine.ip(f"-n {machine.node} route del 198.51.100.0/24 dev lo")  # a stranger's
        if harm == "forwarding":
            machine.sysctl("ip_forward", "0")
        else:
            machine.ip(f"-n {machine.node} {harm}")
        assert state_of(machine) != before
        async with asyncio.timeout(20):
            while await asyncio.to_thread(state_of, machine) != before:
                continue
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    machine.run(suffer)


def test_the_news_of_other_networks_are_no_loss(tmp_path: Path) -> None:
    def message(kind: int, body: bytes) -> bytes:
        return (16 + len(body)).to_bytes(4, "little") + kind.to_bytes(2, "little") + bytes(10) + body

    def address(interface: int, local: str) -> bytes:
        return message(21, bytes([2, 32, 0, 0, interface, 0, 0, 0, 8, 0, 2, 0]) + socket.inet_aton(local))

    def route(protocol: int, destination: str = "10.96.0.0", prefix: int = 12) -> bytes:
        told = bytes([2, prefix, 0, 0, 254, protocol, 0, 1, 0, 0, 0, 0, 8, 0, 1, 0])
        return message(25, told + socket.inet_aton(destination))

    def forwarding(interface: int, on: int) -> bytes:
        value = struct.pack("=HHiHHi", 8, 1, interface, 8, 2, on)
        return message(80, bytes([2, 0, 0, 0]) + value)

    ours = config_in(tmp_path)
    others = address(7, "10.244.0.1") + address(1, "127.0.0.2") + route(4) + forwarding(3, 0) + forwarding(-1, 1)
    others += route(83, "10.112.0.0", 16)  # another cluster's
    assert not tells_of_loss(others + b"\x05\0\0\0", ours)
    assert not tells_of_loss(bytes(16), ours)
    for loss in (address(1, "10.244.0.1"), route(83), forwarding(-1, 0)):
        assert tells_of_loss(others + loss, ours)
