import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.conformance import runner
from tests.conformance.cluster import node_fault
from tests.conformance.outcome import FAILED, PASSED, Outcome

BAD = Outcome(FAILED, "bad")


class Site:
    """Clusters that count themselves, and tests whose outcomes are given."""

    def __init__(self, outcomes: Mapping[str, list[Outcome]], spoilers: tuple[str, ...] = ()) -> None:
        self.outcomes = {name: [*found] for name, found in outcomes.items()}
        self.spoilers = spoilers
        self.clusters: list[Site.Cluster] = []
        self.recorded: list[tuple[str, Outcome]] = []
        self.busiest = 0

    class Cluster:
        """What the runner asks of a cluster, and what was run on it."""

        def __init__(self) -> None:
            self.tests: list[str] = []
            self.running: set[str] = set()
            self.spoiled = self.ended = False

        async def __aenter__(self) -> "Site.Cluster":
            return self

        async def __aexit__(self, *_: object) -> None:
            assert not self.running
            self.ended = True

        async def fault(self) -> str:
            return "the node is gone" if self.spoiled else ""

    def new_cluster(self) -> "Site.Cluster":
        """One more cluster."""
        assert all(cluster.ended for cluster in self.clusters)
        self.clusters.append(Site.Cluster())
        return self.clusters[-1]

    async def execute(self, cluster: "Site.Cluster", name: str) -> Outcome:
        """Run a test: its next outcome."""
        cluster.tests.append(name)
        cluster.running.add(name)
        self.busiest = max(self.busiest, len(cluster.running))
        await asyncio.sleep(0)
        cluster.spoiled |= name in self.spoilers
        cluster.running.remove(name)
        return self.outcomes[name].pop(0)

    async def run(self, workers: int) -> dict[str, Outcome]:
        """Run every test; what was recorded last of each."""
        await runner.run(self.outcomes, workers, self.new_cluster, self.execute, self._record)
        return dict(self.recorded)

    def _record(self, name: str, outcome: Outcome) -> None:
        self.recorded.append((name, outcome))


async def test_several_at_once_then_one_by_one_on_a_cluster_of_their_own() -> None:
    good = [Outcome(PASSED)]
    site = Site({"a": good, "b": good, "c": good, "d [Serial]": good, "e [Disruptive]": good})
    assert set(await site.run(3)) == {*site.outcomes}
    assert [sorted(cluster.tests) for cluster in site.clusters] == [["a", "b", "c"], ["d [Serial]", "e [Disruptive]"]]
    assert site.busiest == 3


async def test_no_cluster_is_made_for_nothing() -> None:
    site = Site({"a [Serial]": [Outcome(PASSED)]})
    await site.run(4)
    assert len(site.clusters) == 1 and site.busiest == 1


async def test_a_failure_leaves_the_cluster_in_use_while_it_is_sound() -> None:
    site = Site({"a": [BAD], "b": [Outcome(PASSED)]})
    assert await site.run(1) == {"a": BAD, "b": Outcome(PASSED)}
    assert len(site.clusters) == 1


async def test_a_spoiled_cluster_is_replaced_and_its_victims_run_again_once() -> None:
    site = Site({"a": [BAD], "b": [BAD, Outcome(PASSED)], "c": [BAD, BAD], "d": [Outcome(PASSED)]}, spoilers=("a",))
    found = await site.run(3)
    assert [sorted(cluster.tests) for cluster in site.clusters] == [["a", "b", "c"], ["b", "c", "d"]]
    assert found == {
        "a": Outcome(FAILED, "bad (afterwards the node is gone)"),
        "b": Outcome(PASSED),
        "c": BAD,
        "d": Outcome(PASSED),
    }


async def test_a_test_that_always_spoils_its_cluster_does_not_run_for_ever() -> None:
    site = Site({"a [Serial]": [BAD], "b [Serial]": [BAD]}, spoilers=("a [Serial]", "b [Serial]"))
    await site.run(1)
    assert len(site.clusters) == 2 and len(site.recorded) == 2


@pytest.mark.parametrize(
    ("spec", "ready", "fault"),
    [
        ({}, "True", ""),
        ({}, "Unknown", "node n takes no pods: ready False, taints []"),
        ({"unschedulable": True}, "True", "node n takes no pods: ready True, taints []"),
        ({"taints": ["t"]}, "True", "node n takes no pods: ready True, taints ['t']"),
    ],
)
def test_what_is_wrong_with_a_node(spec: dict[str, Any], ready: str, fault: str) -> None:
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    assert node_fault({"items": [{"metadata": {"name": "n"}, "spec": spec, "status": status}]}) == fault
    assert node_fault({"items": []}) == "there is no node"
