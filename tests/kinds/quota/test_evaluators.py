"""What objects count for in quotas."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sampan.kinds.core.pod_resources import resources
from sampan.kinds.quota.evaluator import Change, less
from sampan.kinds.quota.registry import evaluator_of
from sampan.kinds.quota.scopes import Term
from sampan.machinery.meta import Object, format_time

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def pod(*amounts: Object, **fields: Any) -> Object:
    """A pod of one container for each of these resources."""
    containers = [{"name": f"c{number}", "resources": resources} for number, resources in enumerate(amounts)]
    return {"metadata": {}, "spec": {"containers": containers, **fields}}


def evaluator(plural: str, group: str = "") -> Any:
    found = evaluator_of(group, plural)
    assert found is not None
    return found


def usage(plural: str, obj: Object, group: str = "") -> dict[str, str]:
    """What an object uses, shown."""
    return {name: str(amount) for name, amount in evaluator(plural, group).usage(obj, NOW).items()}


def test_pods_use_compute_resources() -> None:
    asked = {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "2Gi", "hugepages-2Mi": "4Mi", "nvidia.com/gpu": "2"}
    found = usage("pods", pod({"requests": asked, "limits": {"cpu": "1", "nvidia.com/gpu": "2"}}, {}))
    assert found == {
        "count/pods": "1",
        "pods": "1",
        "cpu": "500m",
        "requests.cpu": "500m",
        "limits.cpu": "1",
        "memory": "1Gi",
        "requests.memory": "1Gi",
        "ephemeral-storage": "2Gi",
        "requests.ephemeral-storage": "2Gi",
        "hugepages-2Mi": "4Mi",
        "requests.hugepages-2Mi": "4Mi",
        "requests.nvidia.com/gpu": "2",
    }


@pytest.mark.parametrize(
    ("extra", "alive"),
    [
        ({"status": {"phase": "Running"}}, True),
        ({"status": {"phase": "Succeeded"}}, False),
        ({"status": {"phase": "Failed"}}, False),
        ({"metadata": {"deletionTimestamp": format_time(NOW), "deletionGracePeriodSeconds": 0}}, True),
        (
            {
                "metadata": {
                    "deletionTimestamp": format_time(NOW - timedelta(seconds=31)),
                    "deletionGracePeriodSeconds": 30,
                }
            },
            False,
        ),
    ],
)
def test_pods_at_their_end_are_only_counted(extra: Object, alive: bool) -> None:
    found = usage("pods", {**pod({"requests": {"cpu": "1"}}), **extra})
    assert found["count/pods"] == "1"
    assert ("pods" in found, "cpu" in found) == (alive, alive)


@pytest.mark.parametrize(
    ("name", "tracked"),
    [
        ("pods", True),
        ("count/pods", True),
        ("limits.ephemeral-storage", True),
        ("requests.nvidia.com/gpu", True),
        ("requests.deviceclass.resource.kubernetes.io/gpu", True),
        ("requests.hugepages-1Gi", True),
        ("nvidia.com/gpu", False),
        ("requests.storage", False),
        ("requests.kubernetes.io/x", False),
        ("services", False),
    ],
)
def test_resources_that_pods_have(name: str, tracked: bool) -> None:
    assert evaluator("pods").tracks(name) is tracked


PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
AFFINITY = {"podAntiAffinity": {PREFERRED: [{"podAffinityTerm": {"namespaceSelector": {}}}]}}


@pytest.mark.parametrize(
    ("term", "obj", "holds"),
    [
        (Term("Terminating"), pod(activeDeadlineSeconds=0), True),
        (Term("Terminating"), pod(), False),
        (Term("NotTerminating"), pod(), True),
        (Term("BestEffort"), pod({}), True),
        (Term("BestEffort"), pod({"requests": {"cpu": "1"}}), False),
        (Term("NotBestEffort"), pod({"requests": {"cpu": "1"}}), True),
        (Term("PriorityClass"), pod(priorityClassName="high"), True),
        (Term("PriorityClass"), pod(), False),
        (Term("PriorityClass", "In", ("high", "low")), pod(priorityClassName="high"), True),
        (Term("PriorityClass", "NotIn", ("high",)), pod(priorityClassName="high"), False),
        (Term("PriorityClass", "NotIn", ("high",)), pod(), True),
        (Term("PriorityClass", "DoesNotExist"), pod(), True),
        (Term("CrossNamespacePodAffinity"), pod(affinity=AFFINITY), True),
        (Term("CrossNamespacePodAffinity"), pod(affinity={"podAffinity": {PREFERRED: []}}), False),
        (Term("VolumeAttributesClass"), pod(), False),
    ],
)
def test_scopes_of_pods(term: Term, obj: Object, holds: bool) -> None:
    assert evaluator("pods").in_scope(term, obj) is holds


def test_pods_must_say_what_is_limited() -> None:
    lacks = evaluator("pods").lacks
    names = ["pods", "limits.cpu", "requests.memory", "requests.storage", "ephemeral-storage"]
    some = {"requests": {"memory": "1"}, "limits": {"cpu": "1"}}
    assert lacks(names, pod(some)) == ""
    assert lacks(names, pod(some, {}, {})) == "must specify limits.cpu for: c1,c2; requests.memory for: c1,c2"
    assert lacks(names, pod({}, resources={"limits": {"cpu": "1"}})) == ""


@pytest.mark.parametrize(
    ("change", "handled"),
    [
        (Change("CREATE", "", pod(), None), True),
        (Change("CREATE", "binding", pod(), None), False),
        (Change("UPDATE", "", pod(), pod()), False),
        (Change("UPDATE", "", pod(activeDeadlineSeconds=5), pod()), True),
        (Change("UPDATE", "resize", pod(), pod()), True),
        (Change("UPDATE", "status", pod(), pod()), False),
    ],
)
def test_writes_of_pods_that_matter(change: Change, handled: bool) -> None:
    assert evaluator("pods").handles(change) is handled


@pytest.mark.parametrize(
    ("spec", "ports", "balancers"),
    [
        ({"type": "ClusterIP", "ports": [{}]}, "0", "0"),
        ({"type": "NodePort", "ports": [{}, {}]}, "2", "0"),
        ({"type": "LoadBalancer", "ports": [{}, {}]}, "2", "1"),
        (
            {"type": "LoadBalancer", "ports": [{"nodePort": 30000}, {}], "allocateLoadBalancerNodePorts": False},
            "1",
            "1",
        ),
    ],
)
def test_services(spec: Object, ports: str, balancers: str) -> None:
    found = usage("services", {"metadata": {}, "spec": spec})
    assert found == {
        "count/services": "1",
        "services": "1",
        "services.nodeports": ports,
        "services.loadbalancers": balancers,
    }


def claim(storage: str = "1Gi", name: str | None = "gold", **status: Any) -> Object:
    spec = {"storageClassName": name, "resources": {"requests": {"storage": storage}}}
    return {"metadata": {}, "spec": spec, "status": status}


def test_claims() -> None:
    assert usage("persistentvolumeclaims", claim("100m", None)) == {
        "count/persistentvolumeclaims": "1",
        "persistentvolumeclaims": "1",
        "requests.storage": "1",
    }
    found = usage("persistentvolumeclaims", claim(allocatedResources={"storage": "3Gi"}))
    assert found["gold.storageclass.storage.k8s.io/requests.storage"] == "3Gi"
    assert found["gold.storageclass.storage.k8s.io/persistentvolumeclaims"] == "1"
    old = claim()
    old["metadata"] = {"annotations": {"volume.beta.kubernetes.io/storage-class": "silver"}}
    assert "silver.storageclass.storage.k8s.io/requests.storage" in usage("persistentvolumeclaims", old)
    tracks = evaluator("persistentvolumeclaims").tracks
    assert tracks("any.storageclass.storage.k8s.io/requests.storage")
    assert not tracks("any.storageclass.storage.k8s.io/other")


def test_claims_in_the_scope_of_attributes_classes() -> None:
    in_scope = evaluator("persistentvolumeclaims").in_scope
    moving = claim(
        currentVolumeAttributesClassName="slow", modifyVolumeStatus={"targetVolumeAttributesClassName": "fast"}
    )
    assert in_scope(Term("VolumeAttributesClass", "In", ("fast",)), moving)
    assert in_scope(Term("VolumeAttributesClass"), moving)
    assert not in_scope(Term("VolumeAttributesClass"), claim())
    assert not in_scope(Term("PriorityClass", "DoesNotExist"), claim())


def test_everything_else_is_counted() -> None:
    assert usage("deployments", {}, "apps") == {"count/deployments.apps": "1"}
    assert usage("crontabs", {}, "stable.example.com") == {"count/crontabs.stable.example.com": "1"}
    assert usage("secrets", {}) == {"count/secrets": "1", "secrets": "1"}
    assert evaluator_of("", "events") is None
    assert not evaluator("secrets").handles(Change("UPDATE", "", {}, {}))


def test_differences_are_nowhere_negative() -> None:
    found = less(resources({"cpu": "2", "memory": "1Gi"}), resources({"cpu": "3", "pods": "1", "memory": "1Mi"}))
    assert {name: str(amount) for name, amount in found.items()} == {"cpu": "0", "pods": "0", "memory": "1023Mi"}
