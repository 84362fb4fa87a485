"""OIDC issuers: their discovery and keys, several of them, and a configuration that changes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sampan.apiserver.authentication.options import AuthenticationOptions
from sampan.transport.messages import Response
from tests.apiserver.harness import running
from tests.apiserver.oidc.harness import (
    SIGNATURE,
    SUB,
    authenticator,
    by_flags,
    configured,
    error,
    found,
    reloaded,
    troubled,
    user,
    written,
)
from tests.apiserver.oidc.issuer import OIDCIssuer, issuing, jwk


async def test_keys_are_kept_and_rotated(issuer: OIDCIssuer, tmp_path: Path) -> None:
    issuer.headers = {"Cache-Control": "public, max-age=3600"}
    async with by_flags(issuer, tmp_path) as api:
        for number in range(3):
            await user(api, issuer.token(jti=str(number)))
        assert issuer.fetches() == 1
        issuer.keys = [jwk("two")]
        assert await error(api, issuer.token(key="two")) == SIGNATURE  # for as long as the issuer said
        issuer.headers = {}
        assert issuer.fetches() == 1
    async with by_flags(issuer, tmp_path) as api:
        await user(api, issuer.token(key="two"))
        issuer.keys = [jwk("three")]
        await asyncio.gather(*(user(api, issuer.token(key="three", jti=str(number))) for number in range(5)))
        assert issuer.fetches() == 3
        await user(api, issuer.token(key="three", jti="last"))
        assert await error(api, issuer.token(key="two", jti="retired")) == SIGNATURE
        issuer.is_down = True
        await user(api, issuer.token(key="three", jti="while it is down"))
        said = await error(api, issuer.token(key="four"))
        assert said == "oidc: verify token: failed to verify signature: fetching keys oidc: get keys failed 503: down"


async def test_good_tokens_are_remembered_for_seconds(issuer: OIDCIssuer, tmp_path: Path) -> None:
    async with by_flags(issuer, tmp_path) as api:
        token, now = issuer.token(), api.server.services.now()
        await user(api, token)
        issuer.keys = []
        api.server.authentication._live._tokens._issuers[issuer.url].provider._keys = ()  # type: ignore[union-attr]
        await user(api, token)
        api.server.services.now = lambda: now.replace(year=now.year + 1)
        assert await error(api, token) == SIGNATURE


async def test_an_issuer_that_comes_later(issuer: OIDCIssuer, tmp_path: Path) -> None:
    issuer.is_down = True
    slept = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.set()
        await asyncio.sleep(0.05 if seconds == 10 else seconds)

    path = written(tmp_path / "c", authenticator(issuer))
    async with running(authentication=AuthenticationOptions(authentication_config=str(path)), sleep=sleep) as api:
        await slept.wait()
        assert await error(api, issuer.token()) == "oidc: authenticator not initialized"
        issuer.is_down = False
        await user(await found(api), issuer.token())


async def test_what_discovery_must_say(issuer: OIDCIssuer, tmp_path: Path) -> None:
    path = written(tmp_path / "c", authenticator(issuer))
    for changes, text in (
        ({"issuer": "https://elsewhere"}, "oidc: issuer did not match the issuer returned by provider"),
        ({"jwks_uri": ""}, "provider did not return JWKS URL"),
    ):
        issuer.discovery = changes
        async with running(authentication=AuthenticationOptions(authentication_config=str(path))) as api:
            await troubled(api, text)


async def test_discovery_elsewhere_and_redirects(issuer: OIDCIssuer, tmp_path: Path) -> None:
    name = f"{issuer.url}/idp"
    document = Response(200, f'{{"issuer": "{name}", "jwks_uri": "{issuer.url}/moved"}}'.encode())
    issuer.elsewhere = {
        "/found": document,
        "/moved": Response(302, headers=[("Location", "/keys")]),
        "/loop": Response(302, headers=[("Location", "/loop")]),
    }
    own = {"url": name, "discoveryURL": f"{issuer.url}/found"}
    async with configured(written(tmp_path / "c", authenticator(issuer, own=own))) as api:
        assert (await user(api, issuer.token(iss=name)))["username"] == "jane"
        issuer.elsewhere["/moved"] = issuer.elsewhere["/loop"]
        assert "stopped after 10 redirects" in await error(api, issuer.token(iss=name, key="two"))


async def test_an_authority_that_is_not_trusted(issuer: OIDCIssuer, tmp_path: Path) -> None:
    path = written(tmp_path / "c", authenticator(issuer, own={"certificateAuthority": ""}))
    async with running(authentication=AuthenticationOptions(authentication_config=str(path))) as api:
        await troubled(api, "certificate signed by unknown authority")


async def test_several_issuers_and_audiences(issuer: OIDCIssuer, tmp_path: Path) -> None:
    async with issuing() as other:
        many = {"audiences": ["me", "we"], "audienceMatchPolicy": "MatchAny"}
        second = authenticator(other, {"username": {"claim": "sub", "prefix": "other:"}})
        async with configured(written(tmp_path / "c", authenticator(issuer, own=many), second)) as api:
            assert (await user(api, issuer.token(aud=["x", "we"])))["username"] == "jane"
            assert (await user(api, other.token()))["username"] == "other:jane"
            said = await error(api, issuer.token(aud=["x"]))
            assert said == 'oidc: verify token: oidc: expected audience in ["me" "we"] got ["x"]'
            assert await error(api, other.token(iss=issuer.url, key="b")) == SIGNATURE


async def test_groups_that_are_elsewhere(issuer: OIDCIssuer, tmp_path: Path) -> None:
    mappings = SUB | {"groups": {"claim": "groups", "prefix": ""}}
    sources = {
        "_claim_names": {"groups": "src"},
        "_claim_sources": {"src": {"endpoint": f"{issuer.url}/groups", "access_token": "open sesame"}},
    }
    async with configured(written(tmp_path / "c", authenticator(issuer, mappings))) as api:
        issuer.elsewhere["/groups"] = Response(200, issuer.token(groups=["far"]).encode())
        assert (await user(api, issuer.token(**sources)))["groups"] == ["far", "system:authenticated"]
        assert ("/groups", "Bearer open sesame") in issuer.asked
        assert (await user(api, issuer.token(groups=["near"], **sources)))["groups"][0] == "near"
        prefix = "oidc: could not expand distributed claims: "
        issuer.elsewhere["/groups"] = Response(200, issuer.token().encode())
        said = await error(api, issuer.token(jti="1", **sources))
        assert said.startswith(prefix + f'jwt returned by distributed claim endpoint "{issuer.url}/groups" did not')
        issuer.elsewhere["/groups"] = Response(403)
        said = await error(api, issuer.token(jti="2", **sources))
        assert said.startswith(prefix + 'while getting distributed claim "groups": error while getting')
        issuer.elsewhere["/groups"] = Response(200, issuer.token(key="other").encode())
        assert "verify distributed claim token" in await error(api, issuer.token(jti="3", **sources))
        said = await error(api, issuer.token(_claim_names={"groups": "src"}))
        assert said == "oidc: verify token: oidc: source does not exist"


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
async def test_versions_and_anonymous_requests(issuer: OIDCIssuer, tmp_path: Path, version: str) -> None:
    conditions = [{"path": "/livez"}, {"path": "/healthz"}]
    path = written(
        tmp_path / "c", authenticator(issuer), version=version, anonymous={"enabled": True, "conditions": conditions}
    )
    async with configured(path) as api:
        await user(api, issuer.token())
        for where, status in (("/livez", 200), ("/healthz", 200), ("/version", 401), ("/livez/ping", 401)):
            assert (await api.call("GET", where, user="")).status == status
        assert (await api.call("GET", "/livez", user="nobody")).status == 401


async def test_the_file_is_followed(issuer: OIDCIssuer, tmp_path: Path) -> None:
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0.01 if seconds == 2 else seconds)

    def prefixed(prefix: str) -> Any:
        return authenticator(issuer, {"username": {"claim": "sub", "prefix": prefix}})

    path = written(tmp_path / "c", prefixed("a:"))
    async with running(authentication=AuthenticationOptions(authentication_config=str(path)), sleep=sleep) as api:
        await found(api)
        token = issuer.token()
        assert (await user(api, token))["username"] == "a:jane"
        written(path, prefixed("b:"))
        await reloaded(api, "success", 1)
        assert (await user(api, token))["username"] == "b:jane"
        path.write_text("{")
        await reloaded(api, "failure", 1)
        written(path, prefixed("c:"), {"issuer": {}})
        await reloaded(api, "failure", 2)
        written(path, prefixed("c:"), anonymous={"enabled": False})
        await reloaded(api, "failure", 3)
        assert (await user(api, issuer.token(jti="x")))["username"] == "b:jane"
        written(path)
        await reloaded(api, "success", 2)
        assert await error(api, token) == "invalid bearer token"
        keys = await api.samples("apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds")
        assert any('result="success"' in labels for labels in keys)
        attempts = await api.samples("authentication_attempts")
        assert {'authentication_attempts{result="error"}', 'authentication_attempts{result="success"}'} <= set(attempts)


async def test_a_new_issuer_that_is_not_there_changes_nothing(
    issuer: OIDCIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sampan.apiserver.authentication.jwt.reload._PATIENCE", 0.2)

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0.01 if seconds in (2, 10) else seconds)

    path = written(tmp_path / "c", authenticator(issuer))
    async with (
        issuing() as late,
        running(authentication=AuthenticationOptions(authentication_config=str(path)), sleep=sleep) as api,
    ):
        await found(api)
        late.is_down = True
        written(path, authenticator(late))
        await reloaded(api, "failure", 1)
        await user(api, issuer.token())
        late.is_down = False
        await reloaded(api, "success", 1)
        await user(api, late.token())
        assert await error(api, issuer.token(jti="late")) == "invalid bearer token"
