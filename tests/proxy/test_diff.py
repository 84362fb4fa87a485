"""Whatever the change: the script of the difference makes the same table as a whole rendering, in an order that the
kernel accepts."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sampan.machinery.meta import Object
from sampan.proxy.render import render
from sampan.proxy.ruleset import RuleSet, diff, empty, full
from tests.netlab import Lab, lab
from tests.proxy.objects import CONFIG, endpoint, endpoint_slice, pod, port, service

ADDRESSES = [f"10.244.{node}.{i}" for node in (0, 1) for i in (5, 6)]


@st.composite
def worlds(draw: st.DrawFn) -> RuleSet:
    """A table for some Services in various states."""
    services, slices = [], []
    for name, ip in (("a", "10.96.0.1"), ("b", "10.96.0.2")):
        if draw(st.booleans()):
            services.append(draw(a_service(name, ip)))
            chosen = draw(st.lists(st.sampled_from(ADDRESSES), unique=True))
            slices.append(endpoint_slice(name, *(endpoint(ip, node=f"node-{ip[7]}") for ip in chosen)))
    host_port = {"containerPort": 80, "hostPort": draw(st.sampled_from([80, 81]))}
    pods = [pod("p", "10.244.0.9", host_port)] if draw(st.booleans()) else []
    return render(services, slices, pods, CONFIG)


@st.composite
def a_service(draw: st.DrawFn, name: str, ip: str) -> Object:
    node_port = draw(st.sampled_from([0, 30000 + ord(name)]))
    policies = st.sampled_from(["Cluster", "Local"])
    return service(
        name,
        ip,
        port(node_port=node_port, protocol=draw(st.sampled_from(["TCP", "UDP"]))),
        balancer=draw(st.sampled_from(["", "10.240.0.1"])),
        externalTrafficPolicy=draw(policies),
        internalTrafficPolicy=draw(policies),
        sessionAffinity=draw(st.sampled_from(["None", "ClientIP"])),
        loadBalancerSourceRanges=draw(st.sampled_from([[], ["192.0.2.0/24"]])),
    )


class Kernel:
    """nftables' table as far as our scripts use it, with the kernel's refusals as assertions."""

    def __init__(self) -> None:
        self.chains: dict[str, list[str]] = {}
        self.sets: dict[str, dict[str, str]] = {}

    def run(self, script: str) -> None:
        for line in script.splitlines():
            verb, what, family, _table, rest = line.split(" ", 4)
            assert family == "ip"
            name, _, text = rest.partition(" ")
            getattr(self, f"{verb}_{what}")(name, text.strip("{} ") if what != "rule" else text)

    def add_map(self, name: str, _: str) -> None:
        assert name not in self.sets
        self.sets[name] = {}

    add_set = add_map

    def add_chain(self, name: str, _: str) -> None:
        assert name not in self.chains
        self.chains[name] = []

    def flush_chain(self, name: str, _: str) -> None:
        self.chains[name].clear()

    def add_rule(self, name: str, text: str) -> None:
        self._check(text)
        self.chains[name].append(text)

    def add_element(self, name: str, text: str) -> None:
        for key, _, value in (element.partition(" : ") for element in text.split(", ")):
            self._check(value)
            assert key not in self.sets[name]
            self.sets[name][key] = value

    def delete_element(self, name: str, text: str) -> None:
        for key in text.split(", "):
            del self.sets[name][key]

    def delete_chain(self, name: str, _: str) -> None:
        assert not self.chains[name]
        assert name not in {found for text in self._texts() for found in chain_names(text)}
        del self.chains[name]

    def delete_set(self, name: str, _: str) -> None:
        assert not any(f"@{name} " in f"{text} " for text in self._texts())
        del self.sets[name]

    delete_map = delete_set

    def _texts(self) -> Iterator[str]:
        yield from (rule for rules in self.chains.values() for rule in rules)
        yield from (value for content in self.sets.values() for value in content.values())

    def _check(self, text: str) -> None:
        for name in chain_names(text):
            assert name in self.chains, text
        for name in re.findall(r"@(\S+)", text):
            assert name in self.sets, text


def chain_names(text: str) -> list[str]:
    return re.findall(r"(?:goto|jump) ([^\s,}]+)", text)


def contents(kernel: Kernel) -> tuple[object, object]:
    return kernel.chains, kernel.sets


@given(st.lists(worlds(), min_size=1, max_size=4))
def test_differences_add_up_to_the_whole(tables: list[RuleSet]) -> None:
    kernel, old = Kernel(), empty(CONFIG.table)
    for new in tables:
        kernel.run(diff(old, new))
        old = new
    whole = Kernel()
    whole.run(diff(empty(CONFIG.table), old))
    assert contents(kernel) == contents(whole)


@given(worlds())
def test_no_difference_is_no_script(table: RuleSet) -> None:
    assert diff(table, table) == ""


def listed(machine: Lab) -> list[list[str]]:
    """The kernel's table, independent of the order of chains and elements."""
    text = machine.nft(f"list table ip {CONFIG.table}\n")
    blocks = re.findall(r"\t(?:chain|map|set) .*?\n\t}", text, re.DOTALL)
    return sorted(sorted(re.split(r"[,\s]*\n\s*|, |[{}]", block)) for block in blocks)


@pytest.mark.node
def test_the_kernel_agrees() -> None:
    with lab() as machine:

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(worlds(), worlds())
        def check(old: RuleSet, new: RuleSet) -> None:
            machine.nft(full(new))
            expected = listed(machine)
            machine.nft(full(old))
            machine.nft(diff(old, new))
            assert listed(machine) == expected

        check()
