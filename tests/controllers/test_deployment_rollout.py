"""The arithmetic of rollouts: bounds hold at every step, whatever the order in which pods come and go."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.controllers.deployment.plan import Plan, plan
from sampan.controllers.deployment.revision import previous_revision, superseded, template_hash
from sampan.controllers.deployment.rollout import Bounds, bounds, scale
from sampan.machinery.meta import Object
from sampan.testing.clock import EPOCH


def deployment(replicas: int, template: str = "new", **strategy: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "ns", "uid": "d", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "d"}},
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"image": template}]}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": strategy},
        },
    }


def replica_set(name: str, size: int, available: int, *, template: str = "old", **annotations: str) -> Object:
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "creationTimestamp": f"2025-01-01T00:00:{len(name):02}Z",
            "generation": 1,
            "annotations": {f"deployment.kubernetes.io/{k.replace('_', '-')}": v for k, v in annotations.items()},
        },
        "spec": {
            "replicas": size,
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"image": template}]}},
        },
        "status": {"replicas": size, "availableReplicas": available, "observedGeneration": 1},
    }


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", Bounds(3, 2)),  # up, and down
        (3, "25%", "25%", Bounds(1, 0)),
        (1, 0, "25%", Bounds(0, 1)),  # both 0: one may be missing, or nothing could move
        (4, 0, 0, Bounds(0, 1)),
        (4, 2, 9, Bounds(2, 4)),  # no more can be missing than there are
        (0, "25%", 1, Bounds(0, 0)),
    ],
)
def test_bounds(replicas: int, surge: int | str, unavailable: int | str, expected: Bounds) -> None:
    assert bounds(deployment(replicas, maxSurge=surge, maxUnavailable=unavailable)) == expected


class World:
    """ReplicaSets whose pods come and go as hypothesis likes."""

    def __init__(self, wanted: Object, old: dict[str, tuple[int, int]]) -> None:
        self.wanted = wanted
        self.sets = {name: replica_set(name, *counts) for name, counts in old.items()}

    def step(self) -> Plan:
        decided = plan(self.wanted, list(self.sets.values()), False, EPOCH)
        if decided.create:
            made = decided.create
            meta = {**made["metadata"], "uid": "new", "creationTimestamp": "2025-01-01T00:01:00Z", "generation": 1}
            self.sets["new"] = {**made, "metadata": meta, "status": {}}
        for change in decided.resize:
            name = change.old["metadata"]["uid"]
            status = self.sets[name]["status"]
            gone = max(0, status.get("replicas", 0) - change.new["spec"]["replicas"])
            # as upstream, unavailable pods are deleted first
            left = min(status.get("availableReplicas", 0), status.get("replicas", 0) - gone)
            new = {**status, "replicas": status.get("replicas", 0) - gone, "availableReplicas": left}
            self.sets[name] = {**change.new, "status": new}
        self.wanted = decided.deployment
        return decided

    def come_up(self, share: float) -> None:
        """Some of the missing pods are created and become available."""
        for name, one in self.sets.items():
            size, ready = one["spec"]["replicas"], one["status"].get("availableReplicas", 0)
            more = ready + round((size - ready) * share)
            self.sets[name] = {**one, "status": {**one["status"], "replicas": size, "availableReplicas": more}}

    @property
    def size(self) -> int:
        return sum(one["spec"]["replicas"] for one in self.sets.values())

    @property
    def available(self) -> int:
        return sum(one["status"].get("availableReplicas", 0) for one in self.sets.values())


counts = st.integers(0, 12)
limits = st.one_of(st.integers(0, 5), st.integers(0, 100).map("{}%".format))


@settings(max_examples=200, deadline=None)
@given(counts, limits, limits, st.floats(0, 1), st.lists(st.floats(0, 1), max_size=25), st.booleans())
def test_a_rolling_update_keeps_its_bounds_at_every_step_and_ends(
    wanted: int, surge: int | str, unavailable: int | str, healthy: float, shares: list[float], two: bool
) -> None:
    goal = deployment(wanted, maxSurge=surge, maxUnavailable=unavailable)
    limit = bounds(goal)
    split = wanted // 2 if two else 0
    old = {"a": wanted - split, "bb": split}
    world = World(goal, {name: (size, round(size * healthy)) for name, size in old.items()})
    least = min(world.available, wanted - limit.unavailable)
    for share in shares:
        world.step()
        assert world.size <= wanted + limit.surge
        assert world.available >= least
        world.come_up(share)
    for _ in range(60):
        world.step()
        assert world.size <= wanted + limit.surge
        assert world.available >= least
        world.come_up(1.0)
    assert {name: one["spec"]["replicas"] for name, one in world.sets.items()} == {"a": 0, "bb": 0, "new": wanted}


def test_scaling_in_the_middle_of_a_rollout_is_proportional() -> None:
    """The example of the documentation: 8 and 5 pods, from 10 to 15 with a surge of 3: 11 and 7."""
    old = replica_set("a", 8, 8, desired_replicas="10", max_replicas="13")
    new = replica_set("bb", 5, 0, template="new", desired_replicas="10", max_replicas="13")
    assert scale(deployment(15, maxSurge=3, maxUnavailable=2), new, [old]) == {"a": 11, "bb": 7}


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(0, 60), st.integers(0, 10))
def test_proportional_scaling_adds_up(sizes: list[int], wanted: int, surge: int) -> None:
    total = str(sum(sizes))
    sets = [
        replica_set("a" * (n + 1), size, 0, desired_replicas=total, max_replicas=total) for n, size in enumerate(sizes)
    ]
    result = scale(deployment(wanted, maxSurge=surge, maxUnavailable=1), None, sets)
    assert sum(result.values()) == (wanted + bounds(deployment(wanted, maxSurge=surge, maxUnavailable=1)).surge) * (
        wanted > 0
    )
    assert all(size >= 0 for size in result.values())


def test_history_keeps_the_newest_idle_sets() -> None:
    old = [replica_set("a" * n, 0, 0, revision=str(n)) for n in (3, 1, 2)]
    busy = replica_set("z" * 5, 2, 2, revision="0")
    goal = deployment(1)
    goal["spec"]["revisionHistoryLimit"] = 2
    gone = superseded(goal, [*old, busy])
    assert [one["metadata"]["name"] for one in gone] == ["a"]  # of the two oldest the other still has pods
    assert previous_revision(old) == 2


def test_hashes_differ_with_template_and_collisions() -> None:
    one, other = {"spec": {"a": 1}}, {"spec": {"a": 2}}
    hashes = [template_hash(one, 0), template_hash(other, 0), template_hash(one, 1)]
    assert len(set(hashes)) == 3
    assert template_hash({"spec": {"a": 1}}, 0) == hashes[0]
    assert all(set(text) <= set("bcdfghjklmnpqrstvwxz2456789") for text in hashes)
