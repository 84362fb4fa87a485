"""The file of --encryption-provider-config: what it may say, and what is said of it otherwise."""

import base64
from pathlib import Path
from typing import Any

import pytest

from sampan.storage.encryption import providers
from sampan.storage.encryption.config_file import ConfigFileError
from sampan.storage.encryption.transformer import IDENTITY
from tests.storage.encryption.configurations import IDENTITY_PROVIDER, key, kms, local, text

SOCKET = Path("/run/kms.sock")
HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n"


def told(path: Path, content: str, *, reload: bool = False) -> str:
    """The error of a file."""
    path.write_text(content)
    with pytest.raises(ConfigFileError) as error:
        providers.overrides(providers.load(path, reload=reload).configuration, lambda _: IDENTITY)
    return str(error.value)


def test_the_example_of_the_documentation_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(
        HEAD
        + """resources:
  - resources: [secrets, configmaps, pandas.awesome.bears.example]
    providers:
      - identity: {}
      - aesgcm:
          keys:
            - name: key1
              secret: c2VjcmV0IGlzIHNlY3VyZQ==
            - name: key2
              secret: dGhpcyBpcyBwYXNzd29yZA==
      - aescbc:
          keys: [{name: key1, secret: c2VjcmV0IGlzIHNlY3VyZQ==}]
      - secretbox:
          keys: [{name: key1, secret: YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=}]
  - resources: [events]
    providers: [{identity: {}}]
  - resources: ['*.apps']
    providers:
      - aescbc:
          keys: [{name: key2, secret: c2VjcmV0IGlzIHNlY3VyZQ==}]
  - resources: ['*.*']
    providers: [{identity: {}}]
"""
    )
    loaded = providers.load(tmp_path / "file", reload=True)
    assert len(providers.overrides(loaded.configuration, lambda _: IDENTITY)) == 6
    assert loaded.hash.startswith("sha256:") and len(loaded.hash) == 71


def test_the_old_name_of_the_kind_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(
        text((["secrets"], [IDENTITY_PROVIDER]))
        .replace('"apiserver.config.k8s.io/v1"', '"v1"')
        .replace("EncryptionConfiguration", "EncryptionConfig")
    )
    assert providers.load(tmp_path / "file", reload=False).configuration[0].resources == ("secrets",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "error while parsing file: error while loading file: encryption provider configuration file"),
        ("a: [", "error converting YAML to JSON: yaml: line 1: did not find expected node content"),
        ("kind: EncryptionConfiguration", "Object 'apiVersion' is missing in '{kind}'"),
        ("apiVersion: v1\nkind: Pod", 'no kind "Pod" is registered for version "v1" in scheme'),
        (HEAD + "resources: secrets", "cannot unmarshal string into Go struct field resources of slice"),
        (HEAD + "resources: []", "resources: Required value: at least one resources is required"),
        (HEAD + "resurces: []\nresources: []", 'strict decoding error: unknown field "resurces"'),
        (HEAD + "resources: []\nresources: []", 'strict decoding error: duplicate field "resources"'),
        (HEAD + "resources: [{}]", "resources[0].resources: Required value: at least one resources[0].resources is"),
        (HEAD + "resources: [{}]", "resources[0].providers: Required value: at least one resources[0].providers is"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: str, why: str) -> None:
    found = told(tmp_path / "file", content)
    assert found.startswith("error while parsing file: ") and why in found


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match=r"error reading encryption provider configuration file .*: open .*: no"):
        providers.load(tmp_path / "none", reload=False)


@pytest.mark.parametrize(
    ("names", "where", "why"),
    [
        (["Secrets"], "[0]", 'Invalid value: "Secrets": resource name should not contain capital letters'),
        (["*"], "[0]", "Invalid value: \"*\": use '*.' to encrypt all the resources from core API group or *.* to"),
        (["serviceipallocations"], "[0]", "resources which do not have REST API/s cannot be encrypted"),
        (["events.events.k8s.io"], "[0]", "'*.events.k8s.io' objects are stored using the 'events' API group in etcd."),
        (["*.extensions"], "[0]", "'extensions' group has been removed and cannot be used for encryption"),
        (["secrets.*"], "[0]", "encrypting the same resource across groups is not supported"),
        (["secrets", "secrets"], "", "the same resource cannot be specified multiple times"),
        (["secrets", "*."], "", "using overlapping resources such as 'secrets' and '*.' in the same resource list is"),
        (["secrets", "*.*"], "", 'Invalid value: ["secrets","*.*"]: using overlapping resources'),
    ],
)
def test_names_of_resources(tmp_path: Path, names: list[str], where: str, why: str) -> None:
    found = told(tmp_path / "file", text((names, [IDENTITY_PROVIDER])))
    assert f"resources[0].resources{where}: " in found and why in found


@pytest.mark.parametrize(
    ("provider", "why"),
    [
        ({}, ": Invalid value: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC"),
        ({**local("aesgcm"), **IDENTITY_PROVIDER}, ": Invalid value: more than one provider specified in a"),
        ({"aesgcm": {}}, ".aesgcm.keys: Required value: at least one keys is required"),
        (local("aescbc", {"name": "", "secret": "x"}), ".aescbc.keys[0].name: Required value: name is a mandatory"),
        (local("aescbc", {"name": "a", "secret": ""}), ".aescbc.keys[0].secret: Required value: secret is a mandatory"),
        (
            local("aescbc", {"name": "a", "secret": "a secret!"}),
            '.aescbc.keys[0].secret: Invalid value: "REDACTED": secrets must be base64 encoded',
        ),
        (
            local("aesgcm", key("a", size=5)),
            '"REDACTED": secret is not of the expected length, got 5, expected one of [16 24 32]',
        ),
        (local("secretbox", key("a", size=16)), "secret is not of the expected length, got 16, expected one of [32]"),
        (kms("", SOCKET), ".kms.name: Required value: name is a mandatory field for a provider"),
        (kms("a:b", SOCKET), ".kms.name: Invalid value: \"a:b\": invalid KMS provider name a:b, must not contain ':'"),
        (kms("a", SOCKET, timeout="0s"), '.kms.timeout: Invalid value: "0s": timeout should be a positive value'),
        (kms("a", SOCKET, endpoint=""), '.kms.endpoint: Invalid value: "": endpoint is a mandatory field for a kms'),
        (kms("a", SOCKET, endpoint="http://x"), 'unsupported scheme "http" for KMS provider, only unix is supported'),
        (kms("a", SOCKET, cachesize=3), ".kms.cachesize: Invalid value: 3: cachesize is not supported in v2"),
        (kms("a", SOCKET, apiVersion="v3"), "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are"),
    ],
)
def test_providers(tmp_path: Path, provider: dict[str, Any], why: str) -> None:
    found = told(tmp_path / "file", text((["secrets"], [provider])))
    assert "resources[0].providers[0]" in found and why in found


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    secret = base64.b64encode(b"a secret that nobody may see").decode()
    both = {**local("aesgcm", {"name": "a", "secret": secret}), **IDENTITY_PROVIDER}
    for content in (text((["secrets"], [both])), f"secret: {secret}", HEAD + f"resources: [{{{secret}: 1}}]"):
        found = told(tmp_path / "file", content)
        assert secret not in found.replace(f'"resources[0].{secret}"', "")


def test_kms_v1_is_refused_as_upstream_refuses_it(tmp_path: Path) -> None:
    found = told(tmp_path / "file", text((["secrets"], [kms("a", SOCKET, apiVersion="v1")])))
    assert "error while building transformers: KMSv1 is deprecated and will only receive security updates" in found


def test_plugins_have_names_of_their_own(tmp_path: Path) -> None:
    found = told(tmp_path / "file", text((["secrets"], [kms("a", SOCKET)]), (["configmaps"], [kms("a", SOCKET)])))
    assert 'resources[1].providers[0].kms.name: Invalid value: "a": duplicate KMS provider name a, names must' in found


def test_a_rule_that_an_earlier_one_hides_is_refused(tmp_path: Path) -> None:
    found = told(tmp_path / "file", text((["*."], [IDENTITY_PROVIDER]), (["secrets"], [IDENTITY_PROVIDER])))
    assert found == 'error while building transformers: resource "secrets" is masked by earlier rule "*."'
    found = told(tmp_path / "file", text((["*.*"], [IDENTITY_PROVIDER]), (["*.apps"], [IDENTITY_PROVIDER])))
    assert found == 'error while building transformers: resource "*.apps" is masked by earlier rule "*.*"'
