"""What pods ask for."""

from typing import Any

import pytest

from sampan.kinds.core.pod_requests import requested
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


def test_scoring_assumes_something_of_containers_that_ask_for_nothing() -> None:
    assert (info().score_cpu, info().score_memory) == (100, 200 << 20)
    assert info(cpu="1").score_cpu == 1000
    assert info().requests == {}
