"""PodDisruptionBudget, whose empty selector means two things."""

import pytest

from tests.kinds.write import cells, create_errors, created, encoded, served, stored, update_errors

LABEL = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"
NONE = {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]}
ALL = {"matchExpressions": [{"key": LABEL, "operator": "DoesNotExist"}]}
APP = {"matchLabels": {"app": "kubia"}}


def budget(version="v1", selector=APP, **spec):
    meta = {"name": "b"}
    body = {"minAvailable": 1, "selector": selector, **spec}
    body = {field: value for field, value in body.items() if value is not None}
    return {"apiVersion": f"policy/{version}", "kind": "PodDisruptionBudget", "metadata": meta, "spec": body}


@pytest.mark.parametrize(
    ("version", "sent", "kept"),
    [
        ("v1", {}, {}),
        ("v1beta1", {}, NONE),
        ("v1beta1", ALL, {}),
        ("v1beta1", APP, APP),
        ("v1", NONE, NONE),
        ("v1", None, None),
        ("v1beta1", None, None),
    ],
)
def test_selectors_mean_the_same_in_both_versions(version, sent, kept):
    obj = stored(budget(version, sent))
    assert obj["spec"].get("selector") == kept
    assert encoded(f"policy/{version}", obj)["spec"].get("selector") == sent


def test_what_each_version_shows_of_the_other():
    assert encoded("policy/v1beta1", stored(budget("v1", {})))["spec"]["selector"] == ALL
    assert encoded("policy/v1", stored(budget("v1beta1", {})))["spec"]["selector"] == NONE


def test_the_label_is_nobody_elses():
    mixed = {"matchLabels": {"app": "kubia", LABEL: "x"}, "matchExpressions": NONE["matchExpressions"]}
    assert created(budget("v1", mixed))["spec"]["selector"] == {**APP, "matchExpressions": []}


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"minAvailable": "50%"}, []),
        (
            {"maxUnavailable": 1},
            [
                'spec: Invalid value: {"minAvailable":1,"selector":{"matchLabels":{"app":"kubia"}},'
                '"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set'
            ],
        ),
        (
            {"minAvailable": "101%"},
            ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%'],
        ),
        ({"minAvailable": -1}, ["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {"unhealthyPodEvictionPolicy": "Never"},
            [
                'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": '
                'supported values: "AlwaysAllow", "IfHealthyBudget"'
            ],
        ),
    ],
)
def test_rules(spec, errors):
    assert create_errors(budget(**spec)) == errors


def test_a_bad_label_that_was_there_may_stay():
    odd = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["_"]}]}
    assert len(create_errors(budget(selector=odd))) == 1
    assert update_errors(stored(budget(selector=odd)), budget(selector=odd, minAvailable=2)) == []


def test_status_and_columns():
    made = created(budget())
    assert made["status"] == {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}
    assert cells(made)[:3] == ["1", "N/A", 0]
    bad = {**made, "status": {"disruptionsAllowed": -1}}
    assert [str(error) for error in served(budget()).kind.validate_status_update(bad, made)] == [
        "status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0"
    ]
