"""FlowSchema and PriorityLevelConfiguration."""

import pytest

from tests.kinds.write import cells, create_errors, created, encoded, served, stored

GROUP = "flowcontrol.apiserver.k8s.io"
ZERO = "flowcontrol.k8s.io/preserve-zero-concurrency-shares"
RULE = {
    "subjects": [{"kind": "ServiceAccount", "serviceAccount": {"name": "*", "namespace": "kube-system"}}],
    "resourceRules": [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["*"]}],
}


def schema(version="v1", **spec):
    body = {"priorityLevelConfiguration": {"name": "workload-low"}, "rules": [RULE], **spec}
    return {"apiVersion": f"{GROUP}/{version}", "kind": "FlowSchema", "metadata": {"name": "f"}, "spec": body}


@pytest.mark.parametrize("version", ["v1", "v1beta3", "v1beta2", "v1beta1"])
def test_schemas_of_every_version(version):
    assert create_errors(schema(version)) == []
    assert cells(created(schema(version)))[:3] == ["workload-low", 1000, "<none>"]


R = "spec.rules[0]"


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        (
            {"matchingPrecedence": 1},
            ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"],
        ),
        (
            {"priorityLevelConfiguration": {}},
            ["spec.priorityLevelConfiguration.name: Required value: must reference a priority level"],
        ),
        (
            {"rules": [{**RULE, "subjects": [{"kind": "User", "group": {"name": "g"}}]}]},
            [
                f"{R}.subjects[0].user: Required value: user is required when subject kind is 'User'",
                f"{R}.subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
            ],
        ),
        (
            {"rules": [{"subjects": RULE["subjects"]}]},
            [f"{R}: Required value: at least one of resourceRules and nonResourceRules has to be non-empty"],
        ),
        (
            {"rules": [{**RULE, "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["/a*", "b"]}]}]},
            [
                f'{R}.nonResourceRules[0].nonResourceURLs[0]: Invalid value: "/a*": '
                "wildcard can only do suffix matching",
                f'{R}.nonResourceRules[0].nonResourceURLs[1]: Invalid value: "b": must start with slash',
            ],
        ),
        (
            {"rules": [{**RULE, "resourceRules": [{"verbs": ["get"], "apiGroups": ["*"], "resources": ["*", "a"]}]}]},
            [
                f'{R}.resourceRules[0].resources: Invalid value: ["*","a"]: '
                "if '*' is present, must not specify other resources",
                f"{R}.resourceRules[0].namespaces: Required value: "
                "resource rules that are not cluster scoped must supply at least one namespace",
            ],
        ),
    ],
)
def test_schemas(spec, errors):
    assert create_errors(schema(**spec)) == errors


QUEUE = {"limitResponse": {"type": "Queue", "queuing": {}}}


def level(version="v1", name="l", annotations=None, **spec):
    meta = {"name": name, **({"annotations": annotations} if annotations else {})}
    body = {"type": "Limited", "limited": QUEUE, **spec}
    return {
        "apiVersion": f"{GROUP}/{version}",
        "kind": "PriorityLevelConfiguration",
        "metadata": meta,
        "spec": {field: value for field, value in body.items() if value is not None},
    }


@pytest.mark.parametrize("version", ["v1", "v1beta3", "v1beta2", "v1beta1"])
def test_levels_of_every_version(version):
    assert create_errors(level(version)) == []
    made = stored(level(version))
    assert cells(made)[:5] == ["Limited", "30", "64", "8", "50"]
    shares = "assuredConcurrencyShares" if version in ("v1beta2", "v1beta1") else "nominalConcurrencyShares"
    assert encoded(f"{GROUP}/{version}", made)["spec"]["limited"][shares] == 30


def test_a_share_of_zero():
    none = stored(level(limited={**QUEUE, "nominalConcurrencyShares": 0}))
    assert none["spec"]["limited"]["nominalConcurrencyShares"] == 0
    old = encoded(f"{GROUP}/v1beta3", none)
    assert ZERO in old["metadata"]["annotations"]
    back = created(old)
    assert back["spec"]["limited"]["nominalConcurrencyShares"] == 0 and "annotations" not in back["metadata"]
    assert create_errors(level(annotations={ZERO: ""})) == [
        f"metadata.annotations: Forbidden: annotation '{ZERO}' is forbidden"
    ]


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        (
            {"type": "Exempt", "limited": None},
            ["type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"],
        ),
        ({"limited": None}, ["limited: Required value: must not be empty when type is Limited"]),
        (
            {"limited": {"limitResponse": {"type": "Reject", "queuing": {}}, "lendablePercent": 101}},
            [
                "limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
                "limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited",
            ],
        ),
        (
            {"limited": {"limitResponse": {"type": "Queue", "queuing": {"queues": 512, "handSize": 8}}}},
            [
                "limited.limitResponse.queuing.handSize: Invalid value: 8: "
                "required entropy bits of deckSize 512 and handSize 8 should not be greater than 60"
            ],
        ),
    ],
)
def test_levels(spec, errors):
    assert create_errors(level(**spec)) == [f"spec.{error}" for error in errors]


def test_conditions_have_types():
    old = stored(schema())
    new = {**old, "status": {"conditions": [{"type": "Dangling"}, {"type": "Dangling"}, {}]}}
    assert [str(error) for error in served(old).kind.validate_status_update(new, old)] == [
        'status.conditions[1].type: Duplicate value: "Dangling"',
        "status.conditions[2].type: Required value",
    ]
    assert cells({**old, "status": {"conditions": [{"type": "Dangling", "status": "True"}]}})[-1] == "True"
