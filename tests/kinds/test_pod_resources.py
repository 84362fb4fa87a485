"""What pods ask for in all."""

from typing import Any

import pytest

from sampan.kinds.core.pod_resources import effective, of_spec
from sampan.kinds.core.qos import qos_class
from sampan.machinery.meta import Object


def container(name: str = "c", cpu: str = "", *, sidecar: bool = False) -> Object:
    made: Object = {"name": name, "resources": {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}} if cpu else {}}
    return made | ({"restartPolicy": "Always"} if sidecar else {})


def cpu_of(pod: Object, field: Any = "requests") -> str:
    return str(effective(pod, field)["cpu"])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [container(cpu="100m"), container(cpu="0.2")]}, "300m"),
        ({"containers": [container(cpu="1")], "initContainers": [container(cpu="3")]}, "3"),
        ({"containers": [container(cpu="1")], "initContainers": [container(cpu="2", sidecar=True)]}, "3"),
        (
            {
                "containers": [container(cpu="1")],
                "initContainers": [container(cpu="2", sidecar=True), container(cpu="5")],
            },
            "7",
        ),
        (
            {
                "containers": [container(cpu="1")],
                "initContainers": [container(cpu="5"), container(cpu="2", sidecar=True)],
            },
            "5",
        ),
        ({"containers": [container(cpu="1")], "resources": {"requests": {"cpu": "4"}}}, "4"),
        ({"containers": [container(cpu="1")], "overhead": {"cpu": "250m"}}, "1250m"),
    ],
)
def test_containers_init_steps_and_sidecars(spec: Object, expected: str) -> None:
    assert cpu_of({"spec": spec}) == expected


def test_overhead_adds_to_limits_that_are_there() -> None:
    limited = {"spec": {"containers": [container(cpu="1")], "overhead": {"cpu": "1", "memory": "1Mi"}}}
    assert {name: str(amount) for name, amount in effective(limited, "limits").items()} == {"cpu": "2"}
    assert {name: str(amount) for name, amount in effective(limited, "requests").items()} == {
        "cpu": "2",
        "memory": "1Mi",
    }
    assert str(of_spec(limited["spec"], "requests")["cpu"]) == "1"


def test_a_pod_that_is_resized_counts_for_the_most_of_its_forms() -> None:
    status = {
        "name": "c",
        "allocatedResources": {"cpu": "2"},
        "resources": {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}},
    }
    pod: Object = {"spec": {"containers": [container(cpu="1")]}, "status": {"containerStatuses": [status]}}
    assert (cpu_of(pod), cpu_of(pod, "limits")) == ("3", "4")
    grown: Object = {**pod, "spec": {"containers": [container(cpu="9")]}}
    assert cpu_of(grown) == "9"
    grown["status"] = {**grown["status"], "conditions": [{"type": "PodResizePending", "reason": "Infeasible"}]}
    assert (cpu_of(grown), cpu_of(grown, "limits")) == ("3", "4")


def test_resources_of_the_pod_that_say_nothing_do_not_make_its_quality() -> None:
    asking = {"name": "c", "resources": {"requests": {"cpu": "1"}}}
    assert qos_class({"spec": {"containers": [asking], "resources": {"limits": {}}}}) == "Burstable"
    assert qos_class({"spec": {"containers": [asking], "resources": {"limits": {"cpu": "1"}}}}) == "Burstable"
    both = {"cpu": "1", "memory": "1Gi"}
    assert qos_class({"spec": {"containers": [{}], "resources": {"limits": both, "requests": both}}}) == "Guaranteed"
