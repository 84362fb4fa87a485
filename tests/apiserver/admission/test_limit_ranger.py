"""LimitRanges: what they give and what they hold pods and claims to."""

from typing import Any

import pytest

from sampan.apiserver.admission.limit_ranger import defaults, limits
from sampan.machinery.meta import Object
from tests.apiserver.harness import API, PODS, pod

PATH = "/api/v1/namespaces/default/limitranges"


def limit_range(type_: str = "Container", **fields: Any) -> Object:
    return {"metadata": {"name": "limits"}, "spec": {"limits": [{"type": type_, **fields}]}}


def a_pod(*amounts: Object, init: Any = (), **spec: Any) -> Object:
    containers = [{"name": f"c{number}", "resources": own} for number, own in enumerate(amounts)]
    steps = [{"name": f"i{number}", "resources": own} for number, own in enumerate(init)]
    return {"metadata": {}, "spec": {"containers": containers, "initContainers": steps, **spec}}


CPU = {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}
NO_LIMIT = {"requests": {"cpu": "500m"}}


@pytest.mark.parametrize(
    ("rule", "found", "texts"),
    [
        (limit_range(min={"cpu": "100m"}), a_pod(CPU), []),
        (
            limit_range(min={"cpu": "2"}),
            a_pod(CPU, {}),
            [
                "minimum cpu usage per Container is 2, but request is 500m",
                "minimum cpu usage per Container is 2.  No request is specified",
            ],
        ),
        (
            limit_range(min={"cpu": "2"}),
            a_pod({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
            ["minimum cpu usage per Container is 2, but limit is 1"],
        ),
        (
            limit_range(max={"cpu": "400m"}),
            a_pod(CPU, NO_LIMIT, init=[{"requests": {"cpu": "500m"}, "limits": {"cpu": "400m"}}]),
            [
                "maximum cpu usage per Container is 400m, but limit is 1",
                "maximum cpu usage per Container is 400m.  No limit is specified",
                "maximum cpu usage per Container is 400m, but request is 500m",
            ],
        ),
        (limit_range(maxLimitRequestRatio={"cpu": "2"}), a_pod(CPU), []),
        (
            limit_range(maxLimitRequestRatio={"cpu": "1500m"}),
            a_pod(CPU, NO_LIMIT, {}),
            [
                "cpu max limit to request ratio per Container is 1500m, but provided ratio is 2.000000",
                "cpu max limit to request ratio per Container is 1500m, but no limit is specified or limit is 0",
                "cpu max limit to request ratio per Container is 1500m, but no request is specified or request is 0",
            ],
        ),
        (limit_range("Pod", max={"cpu": "2"}), a_pod(CPU, CPU), []),
        (
            limit_range("Pod", max={"cpu": "2"}),
            a_pod(CPU, CPU, CPU),
            ["maximum cpu usage per Pod is 2, but limit is 3"],
        ),
        (
            limit_range("Pod", max={"cpu": "2"}),
            a_pod(CPU, init=[{"limits": {"cpu": "3"}}]),
            ["maximum cpu usage per Pod is 2, but limit is 3"],
        ),
        (limit_range("Pod", max={"cpu": "2"}), a_pod(CPU, CPU, CPU, resources={"limits": {"cpu": "2"}}), []),
    ],
)
def test_pods_are_held_to_limits(rule: Object, found: Object, texts: list[str]) -> None:
    assert list(limits.of_pod(found, rule)) == texts


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}, []),
        (
            {"min": {"storage": "3Gi"}},
            ["minimum storage usage per PersistentVolumeClaim is 3Gi, but request is 2Gi"],
        ),
        (
            {"max": {"storage": "1Gi"}},
            ["maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi"],
        ),
    ],
)
def test_claims_are_held_to_limits(fields: Object, texts: list[str]) -> None:
    claim = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    assert list(limits.of_claim(claim, limit_range("PersistentVolumeClaim", **fields))) == texts


def test_containers_get_what_they_lack() -> None:
    rule = limit_range(default={"cpu": "2", "memory": "1Gi"}, defaultRequest={"cpu": "1", "memory": "1Mi"})
    made = a_pod({"requests": {"cpu": "3"}, "limits": {"cpu": "4"}}, init=[{}])
    defaults.fill_in(made, rule)
    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "3", "memory": "1Mi"},
        "limits": {"cpu": "4", "memory": "1Gi"},
    }
    assert made["metadata"]["annotations"] == {
        "kubernetes.io/limit-ranger": (
            "LimitRanger plugin set: memory request for container c0; memory limit for container c0; "
            "cpu, memory request for init container i0; cpu, memory limit for init container i0"
        )
    }
    untouched = a_pod(CPU)
    defaults.fill_in(untouched, limit_range(defaultRequest={"cpu": "1"}))
    assert "annotations" not in untouched["metadata"]


async def test_seen_from_outside(api: API) -> None:
    await api.service_account()
    await api.create(PATH, limit_range(max={"cpu": "500m"}, default={"cpu": "300m"}, defaultRequest={"cpu": "100m"}))
    made = await api.create(PODS, pod("p"))
    assert made["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "100m"}, "limits": {"cpu": "300m"}}
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu request for container main; cpu limit for container main"
    )
    large = {"name": "main", "image": "i", "resources": {"limits": {"cpu": "600m"}}}
    answer = await api.call("POST", PODS, pod("q", containers=[large]))
    assert (answer.status, answer.body["message"]) == (
        403,
        'pods "q" is forbidden: maximum cpu usage per Container is 500m, but limit is 600m',
    )
    assert answer.body["details"] == {"name": "q", "kind": "pods"}
