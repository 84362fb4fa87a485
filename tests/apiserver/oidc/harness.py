"""Servers that believe an OIDC issuer, by flags or by a file, and what they say of a token."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from sampan.apiserver.authentication.options import AuthenticationOptions
from tests.apiserver.harness import API, running
from tests.apiserver.oidc.issuer import OIDCIssuer
from tests.apiserver.pki import authority

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
AUTHN = "authentication.kubernetes.io"
SUB = {"username": {"claim": "sub", "prefix": ""}}
SIGNATURE = "oidc: verify token: failed to verify signature: failed to verify id token signature"


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
