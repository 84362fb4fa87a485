"""Warnings about what is valid but unwise."""

import pytest

from tests.catalogue import CATALOGUE
from tests.kinds.write import created, pod, pod_with, served, workload


def warnings(manifest):
    return list(served(manifest).kind.warnings(created(manifest)))


def test_nothing_to_say():
    assert warnings(pod()) == []
    assert warnings(workload("apps/v1", "Deployment")) == []


@pytest.mark.parametrize(
    ("manifest", "text"),
    [
        (
            pod(nodeSelector={"beta.kubernetes.io/os": "linux"}),
            'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
        ),
        (pod(volumes=[{"name": "v", "gitRepo": {"repository": "r"}}]), "spec.volumes[0].gitRepo: deprecated in v1.11"),
        (
            pod(terminationGracePeriodSeconds=-1),
            "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
        ),
        (
            pod_with(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
            'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
        ),
        (
            pod_with(ports=[{"containerPort": 80}, {"containerPort": 80}]),
            "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
        ),
        (
            pod_with(resources={"limits": {"memory": "1500m"}, "requests": {"memory": "1"}}),
            'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
        ),
        (
            pod(topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway"}]),
            "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
        ),
    ],
)
def test_pods(manifest, text):
    assert warnings(manifest) == [text]


def test_variables_may_build_on_themselves():
    assert warnings(pod_with(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}])) == []


def test_names_that_make_bad_host_names():
    dotted = pod() | {"metadata": {"name": "a.b"}}
    assert warnings(dotted)[0].startswith("metadata.name: this is used in the Pod's hostname, which can result in")
    named = workload("apps/v1", "Deployment") | {"metadata": {"name": "a.b"}}
    assert warnings(named)[0].startswith("metadata.name: this is used in Pod names and hostnames, which can result in")


def test_updates_of_pods_are_silent():
    made = created(pod(terminationGracePeriodSeconds=-1))
    made["metadata"]["resourceVersion"] = "1"
    assert list(served(pod()).kind.warnings(made)) == []


def test_templates_are_told_with_their_path():
    manifest = workload("apps/v1", "ReplicaSet")
    manifest["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "rbd": {"monitors": ["m"], "image": "i"}}]
    assert warnings(manifest) == ["spec.template.spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+"]


@pytest.mark.parametrize(
    ("place", "what"),
    [
        (("networking.k8s.io/v1", "Ingress"), "no traffic is routed by it"),
        (("networking.k8s.io/v1", "NetworkPolicy"), "no traffic is held back by it"),
    ],
)
def test_kinds_that_nothing_acts_on_say_so(place, what):
    kind = CATALOGUE.by_kind[place].kind
    told = [f"Sampan stores this {kind.name}, but nothing acts on it yet: {what}"]
    assert list(kind.create_warnings({"kind": kind.name})) == told


def test_services():
    ports = [{"port": 80}]
    old = {"annotations": {"service.kubernetes.io/topology-aware-hints": "Auto"}}
    spec = {"ports": ports, "externalIPs": ["1.2.3.4"], "trafficDistribution": "PreferClose"}
    told = warnings({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", **old}, "spec": spec})
    assert [text.split(" is ")[0] for text in told] == [
        "annotation service.kubernetes.io/topology-aware-hints",
        "spec.externalIPs",
        'spec.trafficDistribution: "PreferClose"',
    ]
    headless = {"ports": ports, "clusterIP": "None", "sessionAffinity": "ClientIP", "externalIPs": ["1.2.3.4"]}
    told = warnings({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": headless})
    assert [text.split(" is ")[1] for text in told] == ["ignored for headless services"] * 2
