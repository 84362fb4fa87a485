"""DaemonSet, StatefulSet, ControllerRevision."""

import pytest

from tests.kinds.write import (
    cells,
    changed,
    create_errors,
    created,
    decoded,
    encoded,
    update_errors,
    updated,
    workload,
)

GENERATION = "deprecated.daemonset.template.generation"


@pytest.mark.parametrize(
    ("version", "strategy"),
    [
        ("apps/v1", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}),
        ("apps/v1beta2", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}),
        ("extensions/v1beta1", {"type": "OnDelete"}),
    ],
)
def test_daemon_set_defaults(version, strategy):
    selector = None if version.startswith("ext") else {"matchLabels": {"app": "kubia"}}
    made = created(workload(version, "DaemonSet", selector=selector))
    assert made["spec"]["updateStrategy"] == strategy
    assert made["spec"]["selector"] == {"matchLabels": {"app": "kubia"}}
    assert made["spec"]["revisionHistoryLimit"] == 10
    assert made["metadata"]["annotations"] == {GENERATION: "1"}
    assert create_errors(workload(version, "DaemonSet", selector=selector)) == []


def test_the_server_counts_templates():
    manifest = workload("apps/v1", "DaemonSet")
    old = created(manifest)
    forged = changed(manifest, lambda m: m["metadata"].update(annotations={GENERATION: "7"}))
    assert updated(old, forged)["metadata"]["annotations"][GENERATION] == "1"
    new_image = changed(manifest, lambda m: m["spec"]["template"]["spec"]["containers"][0].update(image="b"))
    stored = updated(old, new_image)
    assert stored["metadata"]["annotations"][GENERATION] == "2"
    assert encoded("extensions/v1beta1", stored)["spec"]["templateGeneration"] == 2
    again = decoded(encoded("extensions/v1beta1", stored))
    assert again["metadata"]["annotations"] == {GENERATION: "2"}


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"selector": {}}, ["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"]),
        (
            {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}},
            ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
        ),
        (
            {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}},
            [
                "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: "
                "may not be set when maxUnavailable is non-zero"
            ],
        ),
    ],
)
def test_refused_daemon_sets(spec, errors):
    assert create_errors(workload("apps/v1", "DaemonSet", **spec)) == errors


def test_daemon_set_columns():
    status = {"desiredNumberScheduled": 3, "currentNumberScheduled": 2, "numberReady": 1, "numberAvailable": 1}
    manifest = workload("apps/v1", "DaemonSet") | {"status": status}
    manifest["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
    assert cells(manifest) == [3, 2, 1, 0, 1, "disk=ssd", "<unknown>"]


def stateful(version="apps/v1", **spec):
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    return workload(version, "StatefulSet", serviceName="kubia", volumeClaimTemplates=[claim], **spec)


def test_stateful_set_defaults():
    spec = created(stateful())["spec"]
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert (spec["podManagementPolicy"], spec["revisionHistoryLimit"], spec["replicas"]) == ("OrderedReady", 10, 1)
    claim = spec["volumeClaimTemplates"][0]
    assert (claim["apiVersion"], claim["kind"], claim["status"]) == (
        "v1",
        "PersistentVolumeClaim",
        {"phase": "Pending"},
    )
    assert claim["spec"]["volumeMode"] == "Filesystem"
    assert created(stateful("apps/v1beta1", selector=None))["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_mounts_may_name_claims():
    mounted = changed(
        stateful(),
        lambda m: m["spec"]["template"]["spec"]["containers"][0].update(
            volumeMounts=[{"name": "data", "mountPath": "/data"}]
        ),
    )
    assert create_errors(mounted) == []


def test_stateful_set_rules():
    assert create_errors(stateful(podManagementPolicy="Any")) == [
        "spec.podManagementPolicy: Invalid value: \"Any\": must be 'OrderedReady' or 'Parallel'"
    ]
    bad = stateful(updateStrategy={"type": "OnDelete", "rollingUpdate": {"partition": 1}})
    assert create_errors(bad) == [
        'spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: '
        "only allowed for updateStrategy 'RollingUpdate'"
    ]
    for value, told in (
        (0, "Invalid value: 0: cannot be 0"),
        ("0%", 'Invalid value: "0%": cannot be 0'),
        ("101%", 'Invalid value: "101%": must not be greater than 100%'),
        (-1, "Invalid value: -1: must be greater than or equal to 0"),
    ):
        bad = stateful(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": value}})
        assert create_errors(bad) == [f"spec.updateStrategy.rollingUpdate.maxUnavailable: {told}"]
    old = created(stateful())
    assert update_errors(old, stateful(replicas=5, minReadySeconds=3)) == []
    assert update_errors(old, stateful(podManagementPolicy="Parallel")) == [
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
        "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' "
        "are forbidden"
    ]


def test_stateful_set_columns():
    assert cells(stateful(replicas=3) | {"status": {"readyReplicas": 2}}, wide=True)[0] == "2/3"


def test_controller_revision():
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "1", "controller": True}
    meta = {"name": "r", "ownerReferences": [owner]}
    revision = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": meta,
        "revision": 4,
        "data": {"a": 1},
    }
    assert cells(revision) == ["daemonset.apps/d", 4, "<unknown>"]
    assert create_errors({**revision, "revision": -1}) == [
        "revision: Invalid value: -1: must be greater than or equal to 0"
    ]
    assert update_errors(created(revision), {**revision, "data": {"a": 2}}) == [
        'data: Invalid value: {"a":2}: field is immutable'
    ]
