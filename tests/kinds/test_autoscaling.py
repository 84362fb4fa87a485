"""HorizontalPodAutoscaler in all its versions."""

import json

import pytest

from tests.kinds.write import cells, create_errors, created, encoded, stored, update_errors

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "kubia"}
PREFIX = "autoscaling.alpha.kubernetes.io/"


def scaler(version="v2", annotations=None, **spec):
    meta = {"name": "kubia", **({"annotations": annotations} if annotations else {})}
    body = {"scaleTargetRef": TARGET, "maxReplicas": 5, **spec}
    return {"apiVersion": f"autoscaling/{version}", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": body}


def cpu(share=80):
    target = {"type": "Utilization", "averageUtilization": share}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


PODS = {
    "type": "Pods",
    "pods": {"metric": {"name": "qps"}, "target": {"type": "AverageValue", "averageValue": "100"}},
}
OBJECT = {
    "type": "Object",
    "object": {
        "describedObject": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "front"},
        "metric": {"name": "hits", "selector": {"matchLabels": {"a": "b"}}},
        "target": {"type": "Value", "value": "2k"},
    },
}
EXTERNAL = {
    "type": "External",
    "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "30"}},
}
CONTAINER = {
    "type": "ContainerResource",
    "containerResource": {
        "name": "memory",
        "container": "main",
        "target": {"type": "AverageValue", "averageValue": "1Gi"},
    },
}
EVERY = [cpu(50), PODS, OBJECT, EXTERNAL, CONTAINER]


@pytest.mark.parametrize("version", ["v1", "v2", "v2beta1", "v2beta2"])
def test_defaults(version):
    spec = created(scaler(version))["spec"]
    assert spec["minReplicas"] == 1
    assert spec["metrics"] == [cpu()]


def test_a_behavior_is_completed():
    down = {"stabilizationWindowSeconds": 60, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 30}]}
    behavior = created(scaler(behavior={"scaleDown": down}))["spec"]["behavior"]
    assert behavior["scaleDown"] == {**down, "selectPolicy": "Max"}
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert [policy["type"] for policy in behavior["scaleUp"]["policies"]] == ["Pods", "Percent"]


def test_v1_knows_the_use_of_cpu():
    made = created(scaler("v1", targetCPUUtilizationPercentage=30))
    assert made["spec"]["metrics"] == [cpu(30)]
    shown = encoded("autoscaling/v1", {**made, "status": {"desiredReplicas": 2, "currentMetrics": []}})
    assert shown["spec"] == scaler("v1", targetCPUUtilizationPercentage=30)["spec"] | {"minReplicas": 1}
    assert "annotations" not in shown["metadata"]


def test_v1_keeps_everything_else_in_annotations():
    behavior = {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 30}], "tolerance": "100m"}}
    made = created(scaler(metrics=EVERY, behavior=behavior))
    current = {"averageUtilization": 7, "averageValue": "70m"}
    made["status"] = {
        "desiredReplicas": 2,
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": current}}],
        "conditions": [{"type": "AbleToScale", "status": "True", "lastTransitionTime": "2026-01-02T11:00:00Z"}],
    }
    shown = encoded("autoscaling/v1", made)
    assert shown["spec"]["targetCPUUtilizationPercentage"] == 50
    assert shown["status"] == {"desiredReplicas": 2, "currentCPUUtilizationPercentage": 7}
    hidden = {key.removeprefix(PREFIX): json.loads(text) for key, text in shown["metadata"]["annotations"].items()}
    assert hidden["metrics"][0] == {"type": "Pods", "pods": {"metricName": "qps", "targetAverageValue": "100"}}
    assert hidden["behavior"]["ScaleUp"]["Policies"] == [{"Type": "Pods", "Value": 1, "PeriodSeconds": 30}]
    assert hidden["behavior"]["ScaleDown"]["StabilizationWindowSeconds"] is None
    back = created({**shown, "metadata": {**shown["metadata"]}})
    assert back["spec"]["metrics"] == [PODS, OBJECT, EXTERNAL, CONTAINER, cpu(50)]
    assert back["spec"]["behavior"] == made["spec"]["behavior"]
    assert "annotations" not in back["metadata"]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '[{"type":"Pods","pods":5}]', '[{"pods":{"targetAverageValue":"x"}}]', '[{"type":3}]', "["],
)
def test_annotations_that_are_of_no_use_are_dropped(text):
    keys = ("metrics", "behavior", "current-metrics", "conditions")
    made = created(scaler("v1", annotations={PREFIX + key: text for key in keys} | {"mine": "x"}))
    assert made["metadata"]["annotations"] == {"mine": "x"}
    assert made["spec"]["metrics"] == [cpu()]


def test_v2beta1_is_flat():
    flat = [
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 50}},
        {"type": "Pods", "pods": {"metricName": "qps", "targetAverageValue": "100"}},
        {
            "type": "Object",
            "object": {
                "target": OBJECT["object"]["describedObject"],
                "metricName": "hits",
                "targetValue": "2k",
                "selector": {"matchLabels": {"a": "b"}},
            },
        },
        {"type": "External", "external": {"metricName": "queue", "targetAverageValue": "30"}},
        {
            "type": "ContainerResource",
            "containerResource": {"name": "memory", "container": "main", "targetAverageValue": "1Gi"},
        },
    ]
    made = created(scaler("v2beta1", metrics=flat))
    assert made["spec"]["metrics"] == EVERY
    assert encoded("autoscaling/v2beta1", made)["spec"]["metrics"] == flat
    assert create_errors(scaler("v2beta1", metrics=flat)) == []


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"metrics": EVERY}, []),
        (
            {"maxReplicas": 0},
            [
                "spec.maxReplicas: Required value: must be set and greater than 0",
                "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
            ],
        ),
        (
            {"minReplicas": 7},
            ["spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"],
        ),
        (
            {"minReplicas": 0},
            [
                "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to "
                "zero replicas"
            ],
        ),
        ({"minReplicas": 0, "metrics": [EXTERNAL]}, []),
        (
            {"scaleTargetRef": {"kind": "Deployment", "name": "a", "apiVersion": "v1"}},
            ['spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group'],
        ),
        ({"scaleTargetRef": {"kind": "ReplicationController", "name": "a", "apiVersion": "v1"}}, []),
        (
            {"scaleTargetRef": {"apiVersion": "a/b/c"}},
            [
                "spec.scaleTargetRef.kind: Required value",
                "spec.scaleTargetRef.name: Required value",
                'spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
            ],
        ),
        (
            {"metrics": [{"type": "Pods"}]},
            ["spec.metrics[0].pods: Required value: must populate information for the given metric source"],
        ),
        (
            {"metrics": [{**cpu(), "pods": PODS["pods"]}]},
            ["spec.metrics[0].pods: Forbidden: must populate the given metric source only"],
        ),
        (
            {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Share"}}}]},
            [
                'spec.metrics[0].resource.target.type: Invalid value: "Share": '
                "must be either Utilization, Value, or AverageValue",
                "spec.metrics[0].resource.target.averageUtilization: Required value: "
                "must set either a target raw value or a target utilization",
            ],
        ),
        (
            {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 4000, "policies": [{"type": "All"}]}}},
            [
                "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 4000: "
                "must be less than or equal to 3600",
                'spec.behavior.scaleUp.policies[0].type: Unsupported value: "All": supported values: "Percent", "Pods"',
                "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
                "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 0: must be greater than zero",
            ],
        ),
    ],
)
def test_rules(spec, errors):
    assert create_errors(scaler(**spec)) == errors


def test_a_reference_that_stays_is_not_judged_again():
    odd = {"kind": "Deployment", "name": "a", "apiVersion": "v1"}
    assert update_errors(stored(scaler(scaleTargetRef=odd)), scaler(scaleTargetRef={**odd, "name": "b"})) == []


@pytest.mark.parametrize(
    ("metrics", "statuses", "shown"),
    [
        ([cpu()], [], "cpu: <unknown>/80%"),
        ([cpu()], [{"resource": {"current": {"averageUtilization": 12}}}], "cpu: 12%/80%"),
        ([OBJECT], [{"object": {"current": {"value": "7"}}}], "7/2k"),
        ([EXTERNAL, PODS, CONTAINER], [], "<unknown>/30 (avg), <unknown>/100 + 1 more..."),
        ([CONTAINER], [{"containerResource": {"current": {"averageValue": "5Mi"}}}], "memory: 5Mi/1Gi"),
    ],
)
def test_columns(metrics, statuses, shown):
    manifest = {**scaler(metrics=metrics, minReplicas=2), "status": {"currentMetrics": statuses, "currentReplicas": 3}}
    assert cells(manifest)[:5] == ["Deployment/kubia", shown, "2", 5, 3]
