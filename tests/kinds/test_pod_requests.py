"""What pods ask for."""

from typing import Any

import pytest

from sampan.kinds.core.pod_requests import requested, requested_by
from tests.scheduler.objects import info


def container(cpu: str = "", always: bool = False, **more: str) -> dict[str, Any]:
    requests = {**({"cpu": cpu} if cpu else {}), **{name.replace("_", "/"): amount for name, amount in more.items()}}
    return {"resources": {"requests": requests}, **({"restartPolicy": "Always"} if always else {})}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [container("100m"), container("0.2")]}, 300),
        ({"containers": [container("100m")], "initContainers": [container("1"), container("2")]}, 2000),
        ({"containers": [container("3")], "initContainers": [container("1")]}, 3000),
        ({"containers": [container("1")], "initContainers": [container("1", always=True)]}, 2000),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("1", always=True), container("3"), container("2", always=True)],
            },
            4000,
        ),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, 1250),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "5"}}}, 5000),
        ({"containers": [container()]}, 0),
    ],
)
def test_containers_add_up_as_they_run(spec: dict[str, Any], cpu: int) -> None:
    assert requested(spec).get("cpu", 0) == cpu


def test_other_resources_count_in_whole_units() -> None:
    assert requested({"containers": [container(memory="1Ki", example_gpu="2")]}) == {"memory": 1024, "example/gpu": 2}


def told(allocated: str, actual: str, infeasible: bool = False) -> dict[str, Any]:
    one = {"name": "main", "allocatedResources": {"cpu": allocated}, "resources": {"requests": {"cpu": actual}}}
    reason = "Infeasible" if infeasible else "Deferred"
    return {"containerStatuses": [one], "conditions": [{"type": "PodResizePending", "reason": reason}]}


@pytest.mark.parametrize(
    ("status", "cpu"),
    [
        ({}, 2000),
        (told("2", "2"), 2000),
        (told("1", "1"), 2000),
        (told("1", "1", infeasible=True), 1000),
        (told("3", "1"), 3000),
        (told("2", "4"), 4000),
        ({"containerStatuses": [{"name": "main", "resources": {}, "allocatedResources": {"cpu": "3"}}]}, 3000),
        ({"containerStatuses": [{"name": "other", "allocatedResources": {"cpu": "9"}}]}, 2000),
    ],
)
def test_a_pod_that_is_resized_counts_for_the_most(status: dict[str, Any], cpu: int) -> None:
    pod = {"spec": {"containers": [{"name": "main", **container("2")}]}, "status": status}
    assert requested_by(pod) == {"cpu": cpu}


def test_resources_of_the_pod_as_a_whole_count_for_the_most() -> None:
    spec = {"containers": [{"name": "main", **container("1")}], "resources": {"requests": {"cpu": "2"}}}
    status = {"resources": {"requests": {"cpu": "4"}}, "allocatedResources": {"cpu": "3"}}
    assert requested_by({"spec": spec, "status": status}) == {"cpu": 4000}
    assert requested_by({"spec": spec, "status": {"allocatedResources": {"cpu": "3"}}}) == {"cpu": 3000}


def test_scoring_assumes_something_of_containers_that_ask_for_nothing() -> None:
    assert (info().score_cpu, info().score_memory) == (100, 200 << 20)
    assert info(cpu="1").score_cpu == 1000
    assert info().requests == {}
