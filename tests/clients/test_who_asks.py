"""kubectl as somebody else, by tokens of every sort, and with a certificate that has run out."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sampan.apiserver.authentication.options import AuthenticationOptions
from tests.apiserver.harness import API
from tests.apiserver.oidc.harness import authenticator, found, written
from tests.apiserver.oidc.issuer import OIDCIssuer, issuing
from tests.apiserver.pki import Pair, authority
from tests.clients.programs import program
from tests.clients.rig import Command, kubeconfig, secure

RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def newest(tls: API, tmp_path: Path) -> Command:
    """The release that is ours: older ones know neither `--as-user-extra` nor `auth whoami`."""
    return Command(program("kubectl-1.37"), tmp_path, tls.server.port)


def as_user(command: Command, folder: Path, port: int, **user: Any) -> Command:
    """The same program with other credentials."""
    config = kubeconfig(port)
    config["users"][0]["user"] = user
    path = folder / "other"
    path.write_text(yaml.safe_dump(config))
    return command.using(command.binary, KUBECONFIG=str(path))


def by_certificate(pair: Pair) -> dict[str, str]:
    """Credentials of a kubeconfig."""
    certificate, key = (base64.b64encode(pem).decode() for pem in pair)
    return {"client-certificate-data": certificate, "client-key-data": key}


async def whoami(kubectl: Command, flags: str = "") -> Any:
    """What `kubectl auth whoami` learns."""
    return json.loads(await kubectl(f"auth whoami -o json {flags}"))["status"]["userInfo"]


async def allow(api: API, rules: list[Any], **subject: str) -> None:
    """Rights everywhere."""
    group = {"apiGroup": "rbac.authorization.k8s.io"}
    await api.create(f"{RBAC}/clusterroles", {"metadata": {"name": "r"}, "rules": rules})
    binding = {"metadata": {"name": "r"}, "roleRef": {**group, "kind": "ClusterRole", "name": "r"}}
    await api.create(f"{RBAC}/clusterrolebindings", binding | {"subjects": [{**group, **subject}]})


async def test_every_kubectl_acts_as_a_user_and_a_group_with_commas(tls: API, every_kubectl: Command) -> None:
    pods = {"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}
    await allow(tls, [pods], kind="Group", name="cn=admins,ou=groups")
    told = await every_kubectl("get pods --as=jane", fails=True)
    assert "(Forbidden)" in told and 'User "jane" cannot list resource "pods"' in told, told
    assert await every_kubectl("auth can-i list pods --as=jane --as-group=cn=admins,ou=groups") == "yes\n"
    assert await every_kubectl("get pods -o name --as=jane --as-group=x --as-group=cn=admins,ou=groups") == ""
    assert "cannot list" in await every_kubectl("get pods --as=jane --as-group=cn=admins", fails=True)
    told = await every_kubectl("get pods --as-group=x", fails=True)
    assert "without impersonating a user" in told, told


async def test_uid_and_extras(tls: API, newest: Command) -> None:
    extras = "--as-user-extra=Reason.io/Why%=x,y --as-user-extra=Reason.io/Why%=z"  # an HTTP header: lower case here
    assert await whoami(newest, f"--as=jane --as-group=a --as-group=b --as-uid=7 {extras}") == {
        "username": "jane",
        "uid": "7",
        "groups": ["a", "b", "system:authenticated"],
        "extra": {"reason.io/why%": ["x,y", "z"]},
    }


async def test_tokens_of_service_accounts(tls: API, newest: Command, tmp_path: Path) -> None:
    token = (await newest("create token default --duration=1h")).strip()
    user = await whoami(as_user(newest, tmp_path, tls.server.port, token=token))
    assert user["username"] == "system:serviceaccount:default:default"
    assert user["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")
    told = await newest("create token default --duration=1s", fails=True)
    assert "may not specify a duration less than 10 minutes" in told, told
    told = await newest("create token nobody", fails=True)
    assert 'serviceaccounts "nobody" not found' in told, told


async def test_every_kubectl_is_told_that_it_must_log_in(tls: API, every_kubectl: Command, tmp_path: Path) -> None:
    late = authority().issue("jane", lifetime=timedelta(minutes=-1))
    for user in (by_certificate(late), {"token": "nothing"}):
        kubectl = as_user(every_kubectl, tmp_path, tls.server.port, **user)
        told = await kubectl("get pods", fails=True)
        assert "You must be logged in to the server" in told, told


@pytest.fixture
async def issuer() -> AsyncIterator[OIDCIssuer]:
    """Somebody else's directory of people."""
    async with issuing() as running_issuer:
        yield running_issuer


async def test_a_credential_plugin_brings_a_token_of_an_issuer(issuer: OIDCIssuer, tmp_path: Path) -> None:
    mappings = {"username": {"claim": "email", "prefix": ""}, "groups": {"claim": "groups", "prefix": "oidc:"}}
    path = written(tmp_path / "authentication.yaml", authenticator(issuer, mappings))
    token = issuer.token(email="jane@example.com", email_verified=True, groups=["a,b", "c"])
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    (tmp_path / "credential.json").write_text(json.dumps(answer))
    plugin = {"apiVersion": answer["apiVersion"], "command": "/bin/cat", "interactiveMode": "Never"}
    plugin["args"] = [str(tmp_path / "credential.json")]
    async with secure(authentication=AuthenticationOptions(authentication_config=str(path))) as api:
        await found(api)
        kubectl = Command(program("kubectl-1.37"), tmp_path, api.server.port)
        user = await whoami(as_user(kubectl, tmp_path, api.server.port, exec=plugin))
        assert user["username"] == "jane@example.com"
        assert user["groups"] == ["oidc:a,b", "oidc:c", "system:authenticated"]
