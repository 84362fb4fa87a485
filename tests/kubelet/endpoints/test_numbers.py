"""Rates, durations, what is read of the machine, and what probes have found."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import generate_latest

from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.endpoints.configuration import configz, seconds
from sampan.kubelet.endpoints.rates import Rates
from sampan.kubelet.endpoints.usage import read_machine_usage
from sampan.kubelet.probe_metrics import Probed, ProbeMetrics

SECOND = 1_000_000_000


def test_a_rate_needs_two_looks_and_a_while_between_them() -> None:
    rates = Rates()
    assert rates.take({"a": (0, 0)}) == {}
    assert rates.take({"a": (SECOND // 2, 5)}) == {}
    assert rates.take({"a": (2 * SECOND, 10), "b": (0, 0)}) == {"a": 5}
    assert rates.take({"a": (2 * SECOND + 1, 10)}) == {"a": 5}  # too soon to know better
    assert rates.take({"a": (4 * SECOND, 10)}) == {"a": 0}
    assert rates.take({"b": (9 * SECOND, 10)}) == {}  # it was forgotten meanwhile
    assert rates.take({"b": (10 * SECOND, 3)}) == {"b": 0}  # it began anew


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0s"), (30, "30s"), (120, "2m0s"), (300, "5m0s"), (3661, "1h1m1s"), (7200, "2h0m0s")]
)
def test_durations(value: float, text: str) -> None:
    assert seconds(value) == text


def config(tmp_path: Path) -> KubeletConfig:
    return KubeletConfig(
        node_name="n", node_ip="10.0.0.1", pod_cidr="10.1.0.0/24", root_dir=tmp_path, cri_socket="/run/cri.sock"
    )


def test_the_configuration(tmp_path: Path) -> None:
    found = configz(config(tmp_path))["kubeletconfig"]
    assert found["authorization"]["webhook"] == {"cacheAuthorizedTTL": "5m0s", "cacheUnauthorizedTTL": "30s"}
    assert (found["authentication"]["webhook"], found["maxPods"]) == ({"enabled": True, "cacheTTL": "2m0s"}, 110)


def test_the_machine(tmp_path: Path) -> None:
    found = read_machine_usage(config(tmp_path))
    assert found.cpu > 0 and 0 < found.memory.working_set < found.memory_capacity
    assert "lo" in [one.name for one in found.interfaces]
    assert 0 < found.disk.available <= found.disk.capacity


def test_probes_are_counted_until_their_pod_goes() -> None:
    metrics = ProbeMetrics()
    probed = Probed("Liveness", "main", "web", "default", "uid")
    metrics.count(probed, success=True, seconds=0.02)
    metrics.count(probed, success=True, seconds=20)
    metrics.count(probed, success=False, seconds=1)
    page = generate_latest(SimpleNamespace(collect=metrics.collect)).decode()  # type: ignore[arg-type]
    labels = 'container="main",namespace="default",pod="web"'
    assert f'prober_probe_total{{{labels},pod_uid="uid",probe_type="Liveness",result="successful"}} 2.0' in page
    assert f'prober_probe_total{{{labels},pod_uid="uid",probe_type="Liveness",result="failed"}} 1.0' in page
    for bound, count in (("0.01", 0), ("0.025", 1), ("10.0", 1), ("+Inf", 2)):
        bucket = f'prober_probe_duration_seconds_bucket{{container="main",le="{bound}",namespace="default"'
        assert f'{bucket},pod="web",probe_type="Liveness"}} {count}.0' in page
    metrics.forget("uid")
    assert b"web" not in generate_latest(SimpleNamespace(collect=metrics.collect))  # type: ignore[arg-type]
