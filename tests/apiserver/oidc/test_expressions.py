"""Who a token names by CEL expressions of a structured authentication configuration."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.oidc.harness import AUTHN, authenticator, configured, error, user, written
from tests.apiserver.oidc.issuer import OIDCIssuer

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
