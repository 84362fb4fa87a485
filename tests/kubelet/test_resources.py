"""Requests and limits as the kernel's numbers, QoS classes, cgroups on a model of both hierarchies."""

from pathlib import Path

import pytest

from sampan.kubelet import cgroups
from sampan.kubelet.podspec import qos_class
from sampan.kubelet.resources import Limits, cgroup_parent, container_limits, oom_score, pod_limits
from sampan.machinery.meta import Object
from tests.kubelet.pods import pod, spec_of


def asks(name: str = "main", **resources: Object) -> Object:
    return spec_of(name, resources=resources)


BOTH = {"cpu": "500m", "memory": "64Mi"}


@pytest.mark.parametrize(
    ("resources", "limits"),
    [
        ({}, Limits(2)),
        ({"requests": {"cpu": "1"}}, Limits(1024)),
        ({"limits": BOTH}, Limits(512, 50_000, 64 << 20)),
        ({"requests": {"cpu": "1m"}, "limits": {"cpu": "1m"}}, Limits(2, 1_000)),
        ({"requests": {"cpu": "1000"}}, Limits(262_144)),
    ],
)
def test_container_limits(resources: Object, limits: Limits) -> None:
    assert container_limits(asks(**resources)) == limits


def test_a_pods_limit_needs_all_containers_to_have_one() -> None:
    assert pod_limits(pod(asks("a", limits=BOTH), asks("b", limits=BOTH))) == Limits(1024, 100_000, 128 << 20)
    assert pod_limits(pod(asks("a", limits=BOTH), asks("b"))) == Limits(512)


def test_a_great_init_container_counts_alone() -> None:
    great = asks("init", limits={"cpu": "2", "memory": "1Gi"})
    assert pod_limits(pod(asks(limits=BOTH), initContainers=[great])) == Limits(2048, 200_000, 1 << 30)


@pytest.mark.parametrize(
    ("resources", "quality", "score"),
    [
        ({}, "BestEffort", 1000),
        ({"limits": BOTH}, "Guaranteed", -997),
        ({"limits": BOTH, "requests": BOTH}, "Guaranteed", -997),
        ({"requests": {"memory": "1Gi"}}, "Burstable", 750),
        ({"requests": {"cpu": "1m"}}, "Burstable", 999),
        ({"limits": {"cpu": "1"}}, "Burstable", 999),
    ],
)
def test_quality_of_service(resources: Object, quality: str, score: int) -> None:
    what = pod(asks(**resources))
    assert qos_class(what) == quality
    assert oom_score(what, what["spec"]["containers"][0], 4 << 30) == score


def test_cgroup_names() -> None:
    assert cgroup_parent(pod(asks(limits=BOTH)), "/", False) == "/kubepods/podu1"
    assert cgroup_parent(pod(), "/sampan-x", False) == "/sampan-x/kubepods/besteffort/podu1"
    assert cgroup_parent(pod(), "/", True) == "kubepods-besteffort-podu1.slice"


def test_version_1_has_a_directory_per_controller(tmp_path: Path) -> None:
    for name in ("cpu", "memory", "pids", "freezer"):
        (tmp_path / name).mkdir()
    cgroups.create("/kubepods/podx", Limits(512, 50_000, 64 << 20), tmp_path)
    assert (tmp_path / "cpu/kubepods/podx/cpu.shares").read_text() == "512"
    assert (tmp_path / "cpu/kubepods/podx/cpu.cfs_quota_us").read_text() == "50000"
    assert (tmp_path / "memory/kubepods/podx/memory.limit_in_bytes").read_text() == str(64 << 20)
    assert not (tmp_path / "freezer/kubepods").exists()


def test_version_2_hands_controllers_down(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "kubepods"):
        directory.mkdir(exist_ok=True)
        (directory / "cgroup.controllers").write_text("cpu memory\n")
    cgroups.create("/kubepods/podx", Limits(1024, 0, 64 << 20), tmp_path)
    assert (tmp_path / "kubepods/cgroup.subtree_control").read_text() == "+cpu +memory"
    assert (tmp_path / "kubepods/podx/cpu.weight").read_text() == "39"
    assert (tmp_path / "kubepods/podx/cpu.max").read_text() == "max 100000"
    assert (tmp_path / "kubepods/podx/memory.max").read_text() == str(64 << 20)


def test_removal_takes_what_is_below_and_may_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "cpu/pods/podx/container").mkdir(parents=True)
    assert cgroups.remove("/pods/podx", tmp_path)
    assert cgroups.remove("/pods/podx", tmp_path)
    assert (tmp_path / "cpu/pods").exists() and not (tmp_path / "cpu/pods/podx").exists()


@pytest.mark.parametrize("amount", ["8Ei", "9223372036854775807", "1e308"])
def test_limits_beyond_what_the_kernel_counts_are_the_most_that_it_does(amount: str) -> None:
    limits = {"limits": {"cpu": amount, "memory": amount}}
    most = pod_limits(pod(spec_of("a", resources=limits), spec_of("b", resources=limits)))
    assert (most.cpu_shares, most.cpu_quota, most.memory) == (262_144, 2**44 - 1, 2**63 - 1)
