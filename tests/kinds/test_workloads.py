"""ReplicationController, ReplicaSet, Deployment: defaults of every version, rules, columns, conversion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kinds.write import (
    cells,
    changed,
    create_errors,
    created,
    decoded,
    encoded,
    served,
    update_errors,
    updated,
    workload,
)

NEVER = 2**31 - 1
LABELS = {"app": "kubia"}
DEPLOYMENTS = ("apps/v1", "apps/v1beta2", "apps/v1beta1", "extensions/v1beta1")


def rolling(step):
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": step, "maxSurge": step}}


@pytest.mark.parametrize(
    ("version", "selector", "expected"),
    [
        ("apps/v1", LABELS, (rolling("25%"), 10, 600)),
        ("apps/v1beta2", LABELS, (rolling("25%"), 10, 600)),
        ("apps/v1beta1", None, (rolling("25%"), 2, 600)),
        ("extensions/v1beta1", None, (rolling(1), NEVER, NEVER)),
    ],
)
def test_deployment_defaults_follow_the_version(version, selector, expected):
    manifest = workload(version, "Deployment", selector={"matchLabels": selector} if selector else None)
    made = created(manifest)
    spec = made["spec"]
    assert (spec["strategy"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == expected
    assert (spec["replicas"], spec["selector"]) == (1, {"matchLabels": LABELS})
    assert made["metadata"].get("labels") == (None if selector else LABELS)
    assert create_errors(manifest) == []


def test_the_current_version_wants_a_selector():
    missing = [
        "spec.selector: Required value",
        'spec.template.metadata.labels: Invalid value: {"app":"kubia"}: `selector` does not match template `labels`',
    ]
    for version, kind in (("v1", "Deployment"), ("v1", "ReplicaSet"), ("v1beta2", "ReplicaSet"), ("v1", "StatefulSet")):
        assert create_errors(workload(f"apps/{version}", kind, selector=None)) == missing
    assert create_errors(workload("extensions/v1beta1", "ReplicaSet", selector=None)) == []


def test_recreate_has_no_numbers():
    strategy = created(workload("apps/v1", "Deployment", strategy={"type": "Recreate"}))["spec"]["strategy"]
    assert strategy == {"type": "Recreate"}
    bad = workload("apps/v1", "Deployment", strategy={"type": "Recreate", "rollingUpdate": {}})
    assert create_errors(bad) == [
        "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"
    ]


def test_replication_controller_defaults():
    made = created(workload("v1", "ReplicationController", selector=None))
    assert made["spec"]["selector"] == made["metadata"]["labels"] == LABELS
    assert (made["spec"]["replicas"], made["status"]) == (1, {"replicas": 0})


@pytest.mark.parametrize("kind", ["ReplicaSet", "Deployment"])
def test_selector_and_template_agree(kind):
    manifest = workload("apps/v1", kind, selector={"matchLabels": {"app": "other"}})
    assert create_errors(manifest) == [
        'spec.template.metadata.labels: Invalid value: {"app":"kubia"}: `selector` does not match template `labels`'
    ]


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"replicas": -1}, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {"selector": {}},
            ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        ),
        (
            {"strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 0}}},
            ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
        ),
        (
            {"strategy": {"rollingUpdate": {"maxUnavailable": "101%"}}},
            ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
        ),
        (
            {"progressDeadlineSeconds": 5, "minReadySeconds": 5},
            ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"],
        ),
    ],
)
def test_refused_deployments(spec, errors):
    assert create_errors(workload("apps/v1", "Deployment", **spec)) == errors


def test_pods_of_controllers_run_for_ever():
    def finish(manifest):
        manifest["spec"]["template"]["spec"] |= {"restartPolicy": "Never", "activeDeadlineSeconds": 5}

    assert create_errors(changed(workload("v1", "ReplicationController"), finish)) == [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        "spec.template.spec.activeDeadlineSeconds: Forbidden: "
        "activeDeadlineSeconds in ReplicationController is not Supported",
    ]


@pytest.mark.parametrize("version", DEPLOYMENTS)
def test_the_selector_is_fixed_since_v1beta2(version):
    old = created(workload(version, "Deployment")) | {"metadata": {"name": "kubia", "resourceVersion": "1"}}
    old["metadata"]["namespace"] = "default"
    wider = {"matchExpressions": [{"key": "app", "operator": "Exists"}]}
    errors = update_errors(old, workload(version, "Deployment", selector=wider))
    fixed = [
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists"}]}: field is immutable'
    ]
    assert errors == (fixed if version in ("apps/v1", "apps/v1beta2") else [])


def test_a_changed_annotation_is_a_new_generation():
    manifest = workload("apps/v1", "Deployment")
    old = created(manifest)
    old["metadata"]["generation"] = 3
    noted = changed(manifest, lambda m: m["metadata"].update(annotations={"a": "b"}, generation=3))
    assert updated(old, noted)["metadata"]["generation"] == 4
    assert updated(old, changed(manifest, lambda m: m["metadata"].update(generation=3)))["metadata"]["generation"] == 3


def test_status_numbers_agree():
    check = served(workload("apps/v1", "Deployment")).kind.validate_status_update
    new = {"status": {"replicas": 1, "readyReplicas": 2, "availableReplicas": 0, "collisionCount": 1}}
    assert [str(error) for error in check(new, {"status": {"collisionCount": 2}})] == [
        "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.collisionCount: Invalid value: 1: cannot be decremented",
    ]


@given(revision=st.none() | st.integers(0, 2**63 - 1), annotations=st.dictionaries(st.sampled_from("abc"), st.text()))
def test_rollback_to_survives_the_round_trip(revision, annotations):
    manifest = workload("extensions/v1beta1", "Deployment")
    if annotations:
        manifest["metadata"]["annotations"] = annotations
    if revision is not None:
        manifest["spec"]["rollbackTo"] = {"revision": revision}
    stored = decoded(manifest)
    assert "rollbackTo" not in stored["spec"]
    back = encoded("extensions/v1beta1", stored)
    assert back["spec"].get("rollbackTo") == manifest["spec"].get("rollbackTo")
    assert back["metadata"].get("annotations", {}) == annotations
    assert encoded("apps/v1beta1", stored)["spec"] == back["spec"]


def test_columns():
    status = {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2}
    meta = {"name": "kubia", "creationTimestamp": "2026-01-02T11:00:00Z"}
    deployment = workload("apps/v1", "Deployment", replicas=3) | {"status": status, "metadata": meta}
    assert cells(deployment, wide=True) == ["2/3", 1, 2, "60m", "main", "luksa/kubia", "app=kubia"]
    rc = workload("v1", "ReplicationController", replicas=3) | {"status": status, "metadata": meta}
    assert cells(rc, wide=True) == [3, 3, 2, "60m", "main", "luksa/kubia", "app=kubia"]
    assert cells(workload("apps/v1", "ReplicaSet"))[-1] == "<unknown>"
