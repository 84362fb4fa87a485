"""ConfigMap, Secret, ServiceAccount, Namespace."""

import base64

import pytest

from tests.kinds.write import cells, create_errors, created, served, update_errors, updated


def config_map(**fields):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, **fields}


def secret(type_="Opaque", data=None, **fields):
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in (data or {}).items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": type_, "data": encoded, **fields}


def stored(manifest):
    made = created(manifest)
    made["metadata"]["resourceVersion"] = "1"
    return made


KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"data": {"a/b": "x"}}, [f'data[a/b]: Invalid value: "a/b": {KEY_TEXT}']),
        (
            {"data": {"a": "x"}, "binaryData": {"a": "eA=="}},
            ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
        ),
        ({"data": {"a": "x" * (1 << 20)}}, []),
        (
            {"data": {"a": "x" * (1 << 20)}, "binaryData": {"b": "eA=="}},
            ["[]: Too long: may not be more than 1048576 bytes"],
        ),
    ],
)
def test_config_map(fields, errors):
    assert create_errors(config_map(**fields)) == errors


def test_immutable_config_map_and_secret():
    detail = "field is immutable when `immutable` is set"
    old = stored(config_map(data={"a": "1"}, immutable=True))
    assert update_errors(old, config_map(data={"a": "1"}, immutable=True)) == []
    assert update_errors(old, config_map(data={"a": "2"})) == [
        f"immutable: Forbidden: {detail}",
        f"data: Forbidden: {detail}",
    ]
    sealed = stored(secret(data={"a": "1"}, immutable=True))
    assert update_errors(sealed, secret(data={"a": "2"}, immutable=True)) == [f"data: Forbidden: {detail}"]


def test_string_data_is_merged_and_gone():
    made = created(secret(data={"a": "1", "b": "2"}, stringData={"b": "3"}))
    assert made["data"] == secret(data={"a": "1", "b": "3"})["data"]
    assert "stringData" not in made


def test_secret_type_is_opaque_for_life():
    manifest = secret()
    del manifest["type"]
    old = stored(manifest)
    assert old["type"] == "Opaque"
    assert update_errors(old, secret("example.com/x")) == ['type: Invalid value: "example.com/x": field is immutable']


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (secret("kubernetes.io/tls"), ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
        (secret("kubernetes.io/tls", {"tls.crt": "", "tls.key": ""}), []),
        (
            secret("kubernetes.io/basic-auth"),
            ["data[username]: Required value", "data[password]: Required value"],
        ),
        (secret("kubernetes.io/basic-auth", {"username": "u"}), []),
        (secret("kubernetes.io/ssh-auth"), ["data[ssh-privatekey]: Required value"]),
        (secret("kubernetes.io/dockerconfigjson"), ["data[.dockerconfigjson]: Required value"]),
        (
            secret("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "[]"}),
            ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be a JSON object'],
        ),
        (
            secret("kubernetes.io/service-account-token"),
            ["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        ),
    ],
)
def test_secret_types(manifest, errors):
    assert create_errors(manifest) == errors


def test_service_account_keeps_names_of_secrets():
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}}
    made = created({**account, "secrets": [{"name": "s", "namespace": "elsewhere", "uid": "1"}]})
    assert made["secrets"] == [{"name": "s"}]


def namespace(**fields):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}, **fields}


def test_namespace_on_create():
    made = created(namespace(spec={"finalizers": ["example.com/x"]}))
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}
    assert made["spec"]["finalizers"] == ["example.com/x", "kubernetes"]
    assert made["status"] == {"phase": "Active"}


def test_namespace_update_keeps_finalizers_and_label():
    old = stored(namespace())
    new = updated(old, namespace(spec={"finalizers": []}))
    assert new["spec"] == {"finalizers": ["kubernetes"]}
    assert new["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}


def test_namespace_phase_follows_deletion():
    check = served(namespace()).kind.validate_status_update
    gone = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Active"}}
    there = {"metadata": {}, "status": {"phase": "Terminating"}}
    assert [str(error) for obj in (gone, there) for error in check(obj, obj)] == [
        "status.phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty",
        "status.phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty",
    ]


def test_columns():
    assert cells(config_map(data={"a": "", "b": ""}, binaryData={"c": ""}))[0] == 3
    assert cells(secret(data={"a": "1"}))[:2] == ["Opaque", 1]
    assert cells(namespace(status={"phase": "Active"}))[0] == "Active"
