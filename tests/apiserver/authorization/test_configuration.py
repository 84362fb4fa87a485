"""AuthorizationConfiguration: what the file and the flags may say, in upstream's words."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sampan.apiserver.authorization.options import AuthorizationOptions, load
from sampan.apiserver.authorization.structured.config_file import parse
from sampan.apiserver.authorization.structured.configuration import AuthorizationConfiguration
from sampan.apiserver.authorization.structured.validation import Unusable, check, validate
from sampan.apiserver.flag_values import OptionsError
from sampan.machinery.component_config import Malformed

KIND = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthorizationConfiguration"}


def read(*authorizers: Any, **changes: Any) -> AuthorizationConfiguration:
    """A configuration by its tree."""
    return parse(yaml.safe_dump({**KIND, "authorizers": list(authorizers), **changes}).encode())


def webhook(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """A webhook that may be."""
    file = tmp_path / "kubeconfig"
    file.write_text("{}")
    found = {
        "timeout": "3s",
        "subjectAccessReviewVersion": "v1",
        "matchConditionSubjectAccessReviewVersion": "v1",
        "failurePolicy": "Deny",
        "connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": str(file)},
    }
    return {"type": "Webhook", "name": "hook", "webhook": found | changes}


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_versions_and_defaults(tmp_path: Path, version: str) -> None:
    found = read(webhook(tmp_path), apiVersion=f"apiserver.config.k8s.io/{version}").authorizers[0].webhook
    assert found is not None
    assert (found.authorized_ttl, found.unauthorized_ttl, found.timeout) == (300, 30, 3)
    assert found.cache_authorized
    assert found.cache_unauthorized


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: b", "Object 'Kind' is missing in '{a}'"),
        ("kind: AuthorizationConfiguration", "Object 'apiVersion' is missing in '{kind}'"),
        (
            "{kind: X, apiVersion: apiserver.config.k8s.io/v1}",
            'no kind "X" is registered for version "apiserver.config.k8s.io/v1" in scheme',
        ),
        (
            yaml.safe_dump({**KIND, "authorizers": [{"type": "RBAC", "name": "rbac", "x": 1}], "z": 1}),
            'strict decoding error: unknown field "authorizers[0].x", unknown field "z"',
        ),
        (
            yaml.safe_dump({**KIND, "authorizers": [{"type": 1}]}),
            "json: cannot unmarshal number into Go struct field authorizers[0].type of string",
        ),
        (
            yaml.safe_dump({**KIND, "authorizers": [{"webhook": {"timeout": "3"}}]}),
            'time: missing unit in duration "3"',
        ),
    ],
)
def test_what_is_no_configuration(text: str, why: str) -> None:
    with pytest.raises(Malformed) as error:
        parse(text.encode())
    assert sorted(str(error.value).split(", ")) == sorted(why.split(", "))


RBAC = {"type": "RBAC", "name": "rbac"}
KNOWN = '"ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"'


@pytest.mark.parametrize(
    ("authorizers", "errors"),
    [
        ([], ["authorizers: Required value: at least one authorization mode must be defined"]),
        ([{"name": "a"}], ["authorizers[0].type: Required value"]),
        ([{"type": "X", "name": "a"}], [f'authorizers[0].type: Unsupported value: "X": supported values: {KNOWN}']),
        ([RBAC, RBAC | {"name": "b"}], ['authorizers[1].type: Duplicate value: "RBAC"']),
        ([{"type": "RBAC"}], ["authorizers[0].name: Required value"]),
        ([RBAC, {"type": "Node", "name": "rbac"}], ['authorizers[1].name: Duplicate value: "rbac"']),
        (
            [RBAC | {"webhook": {}}],
            ['authorizers[0].webhook: Invalid value: "non-null": may only be specified when type=Webhook'],
        ),
        (
            [{"type": "Webhook", "name": "hook"}],
            ["authorizers[0].webhook: Required value: required when type=Webhook"],
        ),
    ],
)
def test_authorizers(authorizers: list[Any], errors: list[str]) -> None:
    assert [str(error) for error in validate(read(*authorizers))] == errors


def test_names() -> None:
    (error,) = validate(read({"type": "RBAC", "name": "A"}))
    assert str(error).startswith('authorizers[0].name: Invalid value: "A": authorizer name is invalid: a lowercase RFC')


TIMEOUT = "authorizers[0].timeout"
EXPRESSION = "authorizers[0].matchConditions[0].expression"
FILE = "authorizers[0].connectionInfo.kubeConfigFile"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({}, []),
        ({"timeout": "0s"}, [f"{TIMEOUT}: Required value"]),
        ({"timeout": "31s"}, [f'{TIMEOUT}: Invalid value: "31s": must be > 0s and <= 30s']),
        ({"timeout": "-1.5s"}, [f'{TIMEOUT}: Invalid value: "-1.5s": must be > 0s and <= 30s']),
        ({"authorizedTTL": "-1m"}, ['authorizers[0].authorizedTTL: Invalid value: "-1m0s": must be > 0s']),
        ({"unauthorizedTTL": "-1h"}, ['authorizers[0].unauthorizedTTL: Invalid value: "-1h0m0s": must be > 0s']),
        ({"subjectAccessReviewVersion": ""}, ["authorizers[0].subjectAccessReviewVersion: Required value"]),
        (
            {"subjectAccessReviewVersion": "v2"},
            ['authorizers[0].subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1"'],
        ),
        (
            {"matchConditionSubjectAccessReviewVersion": "v1beta1"},
            [
                'authorizers[0].matchConditionSubjectAccessReviewVersion: Unsupported value: "v1beta1": '
                'supported values: "v1"'
            ],
        ),
        (
            {"matchConditionSubjectAccessReviewVersion": "", "matchConditions": [{"expression": "true"}]},
            [
                "authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: "
                "required if match conditions are specified"
            ],
        ),
        ({"matchConditionSubjectAccessReviewVersion": ""}, []),
        ({"failurePolicy": ""}, ["authorizers[0].failurePolicy: Required value"]),
        (
            {"failurePolicy": "Allow"},
            ['authorizers[0].failurePolicy: Unsupported value: "Allow": supported values: "NoOpinion", "Deny"'],
        ),
        ({"connectionInfo": {}}, ["authorizers[0].connectionInfo.type: Required value"]),
        (
            {"connectionInfo": {"type": "X"}},
            [
                'authorizers[0].connectionInfo.type: Unsupported value: "X": '
                'supported values: "InClusterConfig", "KubeConfigFile"'
            ],
        ),
        (
            {"connectionInfo": {"type": "InClusterConfig", "kubeConfigFile": "/x"}},
            [f'{FILE}: Invalid value: "/x": can only be set when type=KubeConfigFile'],
        ),
        ({"connectionInfo": {"type": "KubeConfigFile"}}, [f"{FILE}: Required value"]),
        (
            {"connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": "x"}},
            [f'{FILE}: Invalid value: "x": must be an absolute path'],
        ),
        (
            {"connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": "/nope"}},
            [f'{FILE}: Invalid value: "/nope": error loading file: stat /nope: no such file or directory'],
        ),
        (
            {"connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": "/"}},
            [f'{FILE}: Invalid value: "/": must be a regular file'],
        ),
        ({"matchConditions": [{"expression": " "}]}, [f"{EXPRESSION}: Required value"]),
        (
            {"matchConditions": [{"expression": "true"}, {"expression": "true"}]},
            ['authorizers[0].matchConditions[1].expression: Duplicate value: "true"'],
        ),
        (
            {"matchConditions": [{"expression": "request.user"}]},
            [f'{EXPRESSION}: Invalid value: "request.user": must evaluate to bool but got string'],
        ),
        (
            {"matchConditions": [{"expression": "true"}] * 65},
            ["authorizers[0].matchConditions: Too many: 65: must have at most 64 items"],
        ),
    ],
)
def test_webhooks(tmp_path: Path, changes: dict[str, Any], errors: list[str]) -> None:
    assert [str(error) for error in validate(read(webhook(tmp_path, **changes)))] == errors


def test_expressions_are_compiled(tmp_path: Path) -> None:
    (error,) = validate(read(webhook(tmp_path, matchConditions=[{"expression": "request.nope"}])))
    assert "compilation failed: ERROR: <input>:1:8: undefined field 'nope'" in str(error)


def test_names_of_modes_and_types_that_must_stay() -> None:
    with pytest.raises(Unusable, match=r"^expected name rbac for authorizer RBAC instead of mine$"):
        check(read({"type": "RBAC", "name": "mine"}))
    with pytest.raises(Unusable, match=r"^missing required types: \[Node\]$"):
        check(read(RBAC), ("RBAC", "Node"))
    check(read(RBAC, {"type": "Node", "name": "node"}), ("RBAC", "Node"))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"authorization_mode": []}, "at least one authorization-mode must be passed"),
        ({"authorization_mode": ["X"]}, 'authorization-mode "X" is not a valid mode'),
        ({"authorization_mode": ["ABAC"]}, "authorization-mode ABAC's authorization policy file not passed"),
        ({"authorization_mode": ["Webhook"]}, "authorization-mode Webhook's authorization config file not passed"),
        ({"authorization_policy_file": "x"}, "cannot specify --authorization-policy-file without mode ABAC"),
        (
            {"authorization_webhook_config_file": "x"},
            "cannot specify --authorization-webhook-config-file without mode Webhook",
        ),
        (
            {"authorization_mode": ["RBAC", "RBAC"]},
            'authorization-mode ["RBAC" "RBAC"] has mode specified more than once',
        ),
        (
            {"authorization_config": "x", "authorization_mode": ["RBAC"]},
            "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags "
            "are defined",
        ),
        ({"authorization_config": "/nope"}, "--authorization-config: open /nope: no such file or directory"),
    ],
)
def test_flags(options: dict[str, Any], why: str) -> None:
    with pytest.raises(OptionsError) as error:
        load(AuthorizationOptions(**options))
    assert str(error.value) == why


def test_the_default_chain() -> None:
    found = load(AuthorizationOptions()).configuration.authorizers
    assert [(one.type, one.name) for one in found] == [("Node", "node"), ("RBAC", "rbac")]
