"""OIDC by flags: which tokens are good, and whom they name."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.oidc.harness import (
    AUTHN,
    SIGNATURE,
    authenticator,
    by_flags,
    configured,
    error,
    review,
    user,
    written,
)
from tests.apiserver.oidc.issuer import OIDCIssuer, jwk, tampered


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
