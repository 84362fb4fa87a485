"""Which requests a policy wants to hear of, row by row; and files that are no policies."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from sampan.apiserver.audit.level import Level, Stage
from sampan.apiserver.audit.policy_file import PolicyFileError, policy_of, read
from sampan.apiserver.authentication.user import User
from sampan.apiserver.requestinfo import parse_request

TIM = User("tim", ("humans", "testers"))
POD = "/api/v1/namespaces/default/pods/busybox"
SCALE = "/apis/apps/v1/namespaces/default/deployments/web/scale"


def policy(*rules: dict[str, Any], **more: Any) -> bytes:
    """The text of a policy."""
    return orjson.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules), **more})


def level(rule: dict[str, Any], method: str, path: str, user: User | None = TIM) -> Level:
    """How closely a request is audited by one rule."""
    chosen = policy_of(policy({"level": "Request", **rule}))
    return chosen.evaluate(user, parse_request(method, path, {})).level


@pytest.mark.parametrize(
    ("rule", "method", "path", "matches"),
    [
        ({}, "GET", POD, True),
        ({}, "GET", "/healthz", True),
        ({"users": ["tim"]}, "GET", POD, True),
        ({"users": ["tom"]}, "GET", POD, False),
        ({"userGroups": ["testers", "others"]}, "GET", POD, True),
        ({"userGroups": ["others"]}, "GET", POD, False),
        ({"verbs": ["get"]}, "GET", POD, True),
        ({"verbs": ["list"]}, "GET", POD, False),
        ({"verbs": ["get"]}, "GET", "/healthz", True),
        ({"namespaces": ["default"]}, "GET", POD, True),
        ({"namespaces": ["other"]}, "GET", POD, False),
        ({"namespaces": [""]}, "GET", "/api/v1/nodes", True),
        ({"namespaces": [""]}, "GET", "/healthz", False),
        ({"resources": [{}]}, "GET", POD, True),
        ({"resources": [{"group": "apps"}]}, "GET", POD, False),
        ({"resources": [{"group": "apps"}]}, "GET", SCALE, True),
        ({"resources": [{"group": "*"}]}, "GET", SCALE, True),
        ({"resources": [{"resources": ["pods"]}]}, "GET", POD, True),
        ({"resources": [{"resources": ["pods"]}]}, "GET", f"{POD}/log", False),
        ({"resources": [{"resources": ["pods/log"]}]}, "GET", f"{POD}/log", True),
        ({"resources": [{"resources": ["pods/*"]}]}, "GET", f"{POD}/log", True),
        ({"resources": [{"resources": ["pods/*"]}]}, "GET", POD, True),
        ({"resources": [{"resources": ["*/log"]}]}, "GET", f"{POD}/log", True),
        ({"resources": [{"resources": ["*/log"]}]}, "GET", POD, False),
        ({"resources": [{"resources": ["*"]}]}, "GET", f"{POD}/log", True),
        ({"resources": [{"group": "apps", "resources": ["*/scale"]}]}, "GET", SCALE, True),
        ({"resources": [{"resources": ["pods"], "resourceNames": ["busybox"]}]}, "GET", POD, True),
        ({"resources": [{"resources": ["pods"], "resourceNames": ["edit"]}]}, "GET", POD, False),
        ({"nonResourceURLs": ["/healthz*"]}, "GET", "/healthz/ping", True),
        ({"nonResourceURLs": ["/healthz"]}, "GET", "/healthz/ping", False),
        ({"nonResourceURLs": ["*"]}, "GET", "/version", True),
        ({"nonResourceURLs": ["*"]}, "GET", POD, False),
    ],
)
def test_a_rule(rule: dict[str, Any], method: str, path: str, matches: bool) -> None:
    assert level(rule, method, path) is (Level.REQUEST if matches else Level.NONE)


def test_who_is_nobody_is_meant_only_by_rules_for_everybody() -> None:
    assert level({}, "GET", POD, None) is Level.REQUEST
    assert level({"users": ["tim"]}, "GET", POD, None) is level({"userGroups": ["x"]}, "GET", POD, None) is Level.NONE


def test_the_first_rule_that_matches_counts_with_the_stages_of_both() -> None:
    chosen = policy_of(
        policy(
            {"level": "None", "users": ["tom"]},
            {"level": "Metadata", "verbs": ["get"], "omitStages": ["RequestReceived"], "omitManagedFields": False},
            {"level": "RequestResponse"},
            omitStages=["Panic"],
            omitManagedFields=True,
        )
    )
    got = chosen.evaluate(TIM, parse_request("GET", POD, {}))
    assert got == (Level.METADATA, {Stage.REQUEST_RECEIVED, Stage.PANIC}, False)
    assert chosen.evaluate(TIM, parse_request("PUT", POD, {})) == (Level.REQUEST_RESPONSE, {Stage.PANIC}, True)
    assert chosen.evaluate(User("tom"), parse_request("PUT", POD, {})).level is Level.NONE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "unknown group version field /, Kind= in policy"),
        (b"rules: []", "unknown group version field /, Kind= in policy"),
        (b"apiVersion: audit.k8s.io/v1beta1\nkind: Policy", "unknown group version field audit.k8s.io/v1beta1, Kind="),
        (b"apiVersion: v1\nkind: Pod", 'failed decoding: no kind "Pod" is registered for version'),
        (b"a: [", "failed decoding: error converting YAML to JSON"),
        (policy(), "loaded illegal policy with 0 rules"),
        (policy({}), "rules[0].level: Required value"),
        (
            policy({"level": "All"}),
            'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "Req',
        ),
        (policy({"level": 1}), "failed decoding: json: cannot unmarshal number into Go struct field rules[0].level of"),
        (
            policy({"level": "None"}, omitStages=["Nope"]),
            'omitStages[0]: Invalid value: "Nope": allowed stages are RequestReceived,ResponseStarted,Respo',
        ),
        (policy({"level": "None", "omitStages": ["Nope"]}), 'rules[0].omitStages[0]: Invalid value: "Nope"'),
        (
            policy({"level": "None", "nonResourceURLs": ["logs"]}),
            "rules[0].nonResourceURLs[0]: Invalid value: \"logs\": non-resource URL rules must begin with a '/'",
        ),
        (
            policy({"level": "None", "nonResourceURLs": ["/a*b"]}),
            "non-resource URL wildcards '*' must be the final character of the rule",
        ),
        (
            policy({"level": "None", "nonResourceURLs": ["/a"], "namespaces": ["b"]}),
            'Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs',
        ),
        (policy({"level": "None", "resources": [{"group": "rbac/v1"}]}), 'resources.group: Invalid value: "rbac/v1"'),
        (
            policy({"level": "None", "resources": [{"resourceNames": ["a"]}]}),
            'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least',
        ),
    ],
)
def test_what_is_no_policy(text: bytes, why: str) -> None:
    with pytest.raises(PolicyFileError) as error:
        policy_of(text)
    assert why in str(error.value)


def test_unknown_fields_are_warned_of_only(caplog: pytest.LogCaptureFixture) -> None:
    assert len(policy_of(policy({"level": "None", "resources": [{"verbs": ["get"]}]})).rules) == 1
    assert "falling back to lenient decoding" in caplog.text and "rules[0].resources[0].verbs" in caplog.text


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match=r'loading audit policy file: failed to read file path ".*none"'):
        read(tmp_path / "none")
    (tmp_path / "file").write_bytes(policy())
    with pytest.raises(PolicyFileError, match=r"loading audit policy file: loaded illegal .* 0 rules: from file /"):
        read(tmp_path / "file")
