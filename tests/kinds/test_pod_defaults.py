"""What a pod gets that did not ask for it; what only pods get and templates don't."""

import pytest

from sampan.kinds.core.podspec_defaults import pull_policy
from tests.kinds.write import created, pod, pod_with, workload


def container(manifest):
    return created(manifest)["spec"]["containers"][0]


def test_the_least_pod():
    assert created(pod())["spec"] == {
        "containers": [
            {
                "name": "main",
                "image": "luksa/kubia",
                "imagePullPolicy": "Always",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("luksa/kubia", "Always"),
        ("luksa/kubia:latest", "Always"),
        ("luksa/kubia:v1", "IfNotPresent"),
        ("localhost:5000/kubia", "Always"),
        ("localhost:5000/kubia:1", "IfNotPresent"),
        ("kubia@sha256:0123", "IfNotPresent"),
        ("kubia:latest@sha256:0123", "Always"),
        ("", "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image, policy):
    assert pull_policy(image) == policy


def test_probe_numbers_and_http_defaults():
    probe = container(pod_with(livenessProbe={"httpGet": {"port": 8080}, "timeoutSeconds": 0}))["livenessProbe"]
    assert probe == {
        "httpGet": {"port": 8080, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def test_requests_follow_limits_in_pods_only():
    resources = {"limits": {"cpu": "1000m", "memory": "1Gi"}, "requests": {"cpu": "0.5"}}
    made = container(pod_with(resources=resources))["resources"]
    assert made == {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}}
    rc = workload("v1", "ReplicationController")
    rc["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1"}}
    assert created(rc)["spec"]["template"]["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "1"}}


def test_host_network_takes_host_ports():
    made = created(
        pod(hostNetwork=True, containers=[{"name": "a", "image": "b", "ports": [{"containerPort": 80}]}]),
    )
    assert made["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]


def test_both_names_of_the_service_account():
    for field in ("serviceAccount", "serviceAccountName"):
        spec = created(pod(**{field: "foo"}))["spec"]
        assert (spec["serviceAccount"], spec["serviceAccountName"]) == ("foo", "foo")


@pytest.mark.parametrize(
    ("volume", "defaulted"),
    [
        ({}, {"emptyDir": {}}),
        ({"secret": {"secretName": "s"}}, {"secret": {"secretName": "s", "defaultMode": 420}}),
        ({"configMap": {"name": "c"}}, {"configMap": {"name": "c", "defaultMode": 420}}),
        ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {
                "projected": {
                    "defaultMode": 420,
                    "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                }
            },
        ),
        (
            {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {
                "downwardAPI": {
                    "defaultMode": 420,
                    "items": [{"path": "l", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels"}}],
                }
            },
        ),
        ({"image": {"reference": "a/b:1"}}, {"image": {"reference": "a/b:1", "pullPolicy": "IfNotPresent"}}),
    ],
)
def test_volume_sources(volume, defaulted):
    made = created(pod(volumes=[{"name": "v", **volume}]))
    assert made["spec"]["volumes"] == [{"name": "v", **defaulted}]


@pytest.mark.parametrize(
    ("containers", "qos"),
    [
        ([{}], "BestEffort"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
        ([{"limits": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}], "Burstable"),
        ([{"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "1"}}], "BestEffort"),
    ],
)
def test_status_is_pending_with_the_class(containers, qos):
    named = [{"name": f"c{i}", "image": "x", "resources": r} for i, r in enumerate(containers)]
    made = created({**pod(containers=named), "status": {"phase": "Running", "podIP": "1.2.3.4"}})
    assert made["status"] == {"phase": "Pending", "qosClass": qos}


def test_gates_are_told_in_the_status():
    condition = created(pod(schedulingGates=[{"name": "example.com/gate"}]))["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "SchedulingGated")
