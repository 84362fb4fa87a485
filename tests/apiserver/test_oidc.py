"""Tokens of an OpenID Connect issuer, by flags and by an AuthenticationConfiguration."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from sampan.apiserver.authentication.options import AuthenticationOptions
from sampan.transport.messages import Response
from tests.apiserver.harness import API, running
from tests.apiserver.oidc_issuer import OIDCIssuer, issuing, jwk, tampered
from tests.apiserver.pki import authority

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
AUTHN = "authentication.kubernetes.io"
SUB = {"username": {"claim": "sub", "prefix": ""}}


@pytest.fixture
async def issuer() -> AsyncIterator[OIDCIssuer]:
    async with issuing() as running_issuer:
        yield running_issuer


def authenticator(issuer: OIDCIssuer, mappings: Any = None, own: Any = None, **fields: Any) -> Any:
    """An entry of `jwt`; `own` is what is special about the issuer."""
    ca = authority().certificate.decode()
    about = {"url": issuer.url, "audiences": ["me"], "certificateAuthority": ca, **(own or {})}
    return {"issuer": about, "claimMappings": mappings or SUB, **fields}


def written(path: Path, *authenticators: Any, version: str = "v1", **fields: Any) -> Path:
    """An AuthenticationConfiguration as a file."""
    tree = {
        "apiVersion": f"apiserver.config.k8s.io/{version}",
        "kind": "AuthenticationConfiguration",
        "jwt": list(authenticators),
        **fields,
    }
    path.write_text(yaml.safe_dump(tree))
    return path


@asynccontextmanager
async def configured(path: Path, **options: Any) -> AsyncIterator[API]:
    """A server with that file, its issuers found."""
    async with running(authentication=AuthenticationOptions(authentication_config=str(path), **options)) as api:
        yield await found(api)


@asynccontextmanager
async def by_flags(issuer: OIDCIssuer, tmp_path: Path, **flags: Any) -> AsyncIterator[API]:
    """A server with --oidc-* flags, its issuer found."""
    (tmp_path / "ca.crt").write_bytes(authority().certificate)
    options = {"oidc_issuer_url": issuer.url, "oidc_client_id": "me", "oidc_ca_file": str(tmp_path / "ca.crt")}
    async with running(authentication=AuthenticationOptions(**options | flags)) as api:
        yield await found(api)


async def found(api: API) -> API:
    """Once its issuers are found."""
    live = api.server.authentication._live
    assert live is not None
    await asyncio.wait_for(live._tokens.ready(), 10)
    return api


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what happens on connections and files."""
    for _ in range(3000):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def troubled(api: API, text: str) -> None:
    """Wait until an issuer can't be used for this reason."""
    live = api.server.authentication._live
    assert live is not None

    async def said() -> bool:
        return text in live._tokens.trouble()

    await eventually(said)


async def reloaded(api: API, status: str, times: int) -> None:
    """Wait until the file has been read so often."""
    name = "apiserver_authentication_config_controller_automatic_reloads_total"

    async def counted() -> bool:
        return sum(count for labels, count in (await api.samples(name)).items() if status in labels) >= times

    await eventually(counted)


async def review(api: API, token: str, *audiences: str) -> Any:
    """The status of a TokenReview."""
    spec = {"token": token} | ({"audiences": list(audiences)} if audiences else {})
    return (await api.create(REVIEWS, {"spec": spec}))["status"]


async def user(api: API, token: str) -> Any:
    """Whom a good token makes."""
    status = await review(api, token)
    assert status.get("authenticated"), status
    return status["user"]


async def error(api: API, token: str) -> str:
    """Why a token is refused."""
    status = await review(api, token)
    assert not status.get("authenticated")
    assert (await api.call("GET", "/version", user=token)).status == 401
    text = str(status["error"])
    return text.removeprefix("[invalid bearer token, ").removesuffix("]" * text.startswith("["))


async def test_flags(issuer: OIDCIssuer, tmp_path: Path) -> None:
    async with by_flags(issuer, tmp_path) as api:
        status = await review(api, issuer.token(jti="7"))
        assert status == {
            "authenticated": True,
            "user": {
                "username": f"{issuer.url}#jane",
                "groups": ["system:authenticated"],
                "extra": {f"{AUTHN}/credential-id": ["JTI=7"]},
            },
            "audiences": [api.server.config.issuer],
        }
        assert (await api.call("GET", "/version", user=issuer.token())).status == 200
        assert await review(api, issuer.token(), "vault") == {"user": {}, "error": "invalid bearer token"}


@pytest.mark.parametrize(
    ("flags", "claims", "name", "groups"),
    [
        ({"oidc_username_prefix": "-"}, {}, "jane", []),
        ({"oidc_username_prefix": "x:"}, {}, "x:jane", []),
        ({"oidc_username_claim": "email"}, {"email": "j@x.io", "email_verified": True}, "j@x.io", []),
        ({"oidc_username_claim": "email"}, {"email": "j@x.io"}, "j@x.io", []),
        ({"oidc_username_prefix": "-", "oidc_groups_claim": "g"}, {"g": ["a", "b"]}, "jane", ["a", "b"]),
        (
            {"oidc_username_prefix": "-", "oidc_groups_claim": "g", "oidc_groups_prefix": "o:"},
            {"g": "one"},
            "jane",
            ["o:one"],
        ),
        ({"oidc_username_prefix": "-", "oidc_required_claim": ("hd=x.io",)}, {"hd": "x.io"}, "jane", []),
    ],
)
async def test_claims_by_flags(
    issuer: OIDCIssuer, tmp_path: Path, flags: Any, claims: Any, name: str, groups: list[str]
) -> None:
    async with by_flags(issuer, tmp_path, **flags) as api:
        made = await user(api, issuer.token(**claims))
        assert (made["username"], made["groups"]) == (name, [*groups, "system:authenticated"])


@pytest.mark.parametrize(
    ("flags", "claims", "text"),
    [
        ({}, {"sub": None}, 'oidc: parse username claims "sub": claim not present'),
        (
            {},
            {"sub": 7},
            'oidc: parse username claims "sub": json: cannot unmarshal number into Go value of type string',
        ),
        ({"oidc_username_claim": "email"}, {"email": "x", "email_verified": False}, "oidc: email not verified"),
        (
            {"oidc_username_claim": "email"},
            {"email": "x", "email_verified": "yes"},
            "oidc: parse 'email_verified' claim: json: cannot unmarshal string into Go value of type bool",
        ),
        (
            {"oidc_groups_claim": "g"},
            {"g": {"a": 1}},
            'oidc: parse groups claim "g": json: cannot unmarshal object into Go value of type string',
        ),
        ({"oidc_required_claim": ("hd=x",)}, {}, "oidc: required claim hd not present in ID token"),
        (
            {"oidc_required_claim": ("hd=x",)},
            {"hd": "y"},
            "oidc: required claim hd value does not match. Got = y, want = x",
        ),
        ({}, {"aud": "you"}, 'oidc: verify token: oidc: expected audience "me" got ["you"]'),
        ({}, {"aud": None}, 'oidc: verify token: oidc: expected audience "me" got []'),
        (
            {},
            {"exp": 1700000000},
            "oidc: verify token: oidc: token is expired (Token Expiry: 2023-11-14 22:13:20 +0000 UTC)",
        ),
        (
            {},
            {"exp": None},
            "oidc: verify token: oidc: token is expired (Token Expiry: 0001-01-01 00:00:00 +0000 UTC)",
        ),
    ],
)
async def test_refused_by_flags(issuer: OIDCIssuer, tmp_path: Path, flags: Any, claims: Any, text: str) -> None:
    async with by_flags(issuer, tmp_path, **flags) as api:
        assert await error(api, issuer.token(**claims)) == text


async def test_times(issuer: OIDCIssuer, tmp_path: Path) -> None:
    now = int(time.time())
    async with by_flags(issuer, tmp_path) as api:
        await user(api, issuer.token(nbf=now + 30, exp=now + 600))
        early = await error(api, issuer.token(nbf=now + 300, exp=now + 600))
        assert "before the nbf (not before) time" in early
        assert await error(api, issuer.token(exp="soon")) != ""


SIGNATURE = "oidc: verify token: failed to verify signature: failed to verify id token signature"


async def test_signatures(issuer: OIDCIssuer, tmp_path: Path) -> None:
    async with by_flags(issuer, tmp_path) as api:
        good = issuer.token()
        assert await error(api, tampered(good, sub="admin")) == SIGNATURE
        assert await error(api, issuer.token(key="another")) == SIGNATURE
        assert await error(api, issuer.token(key="another", kid="one")) == SIGNATURE
        assert await error(api, issuer.token(key="one", algorithm="PS256")) == (
            'oidc: verify token: oidc: id token signed with unsupported algorithm, expected ["RS256"] got "PS256"'
        )
        assert (await user(api, issuer.token(kid="")))["username"].endswith("#jane")
        assert await error(api, issuer.token(iss="https://elsewhere")) == "invalid bearer token"


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"])
async def test_algorithms(issuer: OIDCIssuer, tmp_path: Path, algorithm: str) -> None:
    issuer.keys = [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "of no use"}, jwk("k", algorithm)]
    async with configured(written(tmp_path / "c", authenticator(issuer))) as api:
        assert (await user(api, issuer.token(key="k", algorithm=algorithm)))["username"] == "jane"


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


EXPRESSIONS = {
    "username": {"expression": "'oidc:' + claims.sub"},
    "groups": {"expression": "claims.roles.split(',').map(r, 'role:' + r)"},
    "uid": {"claim": "oid"},
    "extra": [
        {"key": "example.com/tenant", "valueExpression": "claims.tenant"},
        {"key": "example.com/none", "valueExpression": "claims.?nothing.orValue('')"},
        {"key": "example.com/deep", "valueExpression": "claims.acme__dot__com.names[0].x__dash__y"},
    ],
}


async def test_mappings_by_expression(issuer: OIDCIssuer, tmp_path: Path) -> None:
    rules = [
        {"expression": "claims.hd == 'x.io'", "message": "only our domain"},
        {"claim": "typ", "requiredValue": "id"},
    ]
    of_user = [{"expression": "!user.username.startsWith('oidc:root')", "message": "no root"}]
    one = authenticator(issuer, EXPRESSIONS, claimValidationRules=rules, userValidationRules=of_user)
    claims = {
        "roles": "a,b",
        "oid": "42",
        "tenant": ["t1", "", "t2"],
        "acme.com": {"names": [{"x-y": "z"}]},
        "hd": "x.io",
        "typ": "id",
        "jti": "9",
    }
    async with configured(written(tmp_path / "c", one)) as api:
        assert await user(api, issuer.token(**claims)) == {
            "username": "oidc:jane",
            "uid": "42",
            "groups": ["role:a", "role:b", "system:authenticated"],
            "extra": {
                f"{AUTHN}/credential-id": ["JTI=9"],
                "example.com/tenant": ["t1", "t2"],
                "example.com/deep": ["z"],
            },
        }
        said = await error(api, issuer.token(**claims | {"hd": "y"}))
        assert said == (
            "oidc: error evaluating claim validation expression: validation expression 'claims.hd == 'x.io'' failed: "
            "only our domain"
        )
        said = await error(api, issuer.token(**claims | {"sub": "root1"}))
        assert said.endswith("failed: no root")
        assert said.startswith("oidc: error evaluating user info validation rule: ")
        said = await error(api, issuer.token(**claims | {"roles": None}))
        assert said == (
            "oidc: error evaluating group claim expression: expression 'claims.roles.split(',').map(r, 'role:' + r)' "
            "resulted in error: no such key: roles"
        )
        said = await error(api, issuer.token(**claims | {"tenant": 7}))
        assert said.endswith("claims.tenant: expression must return a string or a list of strings")
        assert await error(api, issuer.token(**claims | {"typ": "x"})) == (
            "oidc: required claim typ value does not match. Got = x, want = id"
        )


@pytest.mark.parametrize(
    ("expression", "claims", "name"),
    [
        ("string(claims.n)", {"n": 7}, "7"),
        ("claims.n > 6.5 ? 'more' : 'less'", {"n": 7}, "more"),
        ("type(claims.n) == double ? 'double' : 'int'", {"n": 7}, "double"),
        ("claims['a.b']", {"a.b": "x"}, "x"),
        ("has(claims.a__dot__b) ? 'yes' : 'no'", {"a.b": "x"}, "yes"),
        ("claims.__namespace__", {"namespace": "x"}, "x"),
    ],
)
async def test_claims_in_expressions(
    issuer: OIDCIssuer, tmp_path: Path, expression: str, claims: Any, name: str
) -> None:
    mappings = {"username": {"expression": expression}}
    async with configured(written(tmp_path / "c", authenticator(issuer, mappings))) as api:
        assert (await user(api, issuer.token(**claims)))["username"] == name


async def test_names_that_expressions_make(issuer: OIDCIssuer, tmp_path: Path) -> None:
    mappings = {"username": {"expression": "claims.x"}, "uid": {"expression": "claims.u"}}
    async with configured(written(tmp_path / "c", authenticator(issuer, mappings))) as api:
        assert await error(api, issuer.token(x="", u="")) == "oidc: empty username via CEL expression is not allowed"
        wrong = "oidc: error evaluating {0} claim expression: {0} claim expression must return a string"
        assert await error(api, issuer.token(x=1, u="")) == wrong.format("username")
        assert await error(api, issuer.token(x="a", u=1)) == wrong.format("uid")


async def test_an_expensive_expression_does_not_hold_the_loop(issuer: OIDCIssuer, tmp_path: Path) -> None:
    slow = "claims.n.all(a, claims.n.all(b, a + b < 1000000.0)) ? 'done' : 'no'"
    async with configured(written(tmp_path / "c", authenticator(issuer, {"username": {"expression": slow}}))) as api:
        token, ticks = issuer.token(n=list(range(320))), 0
        asking = asyncio.create_task(user(api, token))
        while not asking.done():
            ticks += 1
            await asyncio.sleep(0.001)
        assert asking.result()["username"] == "done"
        assert ticks > 2


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
