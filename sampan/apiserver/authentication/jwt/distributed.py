"""Claims that are elsewhere: a token names an endpoint that has the groups, in a token of its own.

Rules: OpenID Connect Core 1.0, section 5.6.2; k8s.io/apiserver/plugin/pkg/authenticator/token/oidc (claimResolver).
Called by authenticator.py.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sampan.apiserver.authentication.attempt import Refused
from sampan.apiserver.authentication.jwt import id_token
from sampan.apiserver.authentication.jwt.fetching import Fetcher, Unreachable
from sampan.apiserver.authentication.jwt.issuer import Provider, Surroundings
from sampan.apiserver.authentication.signed import unverified_payload

_MOST = 16  # issuers of such tokens
_PATIENCE = 5.0  # seconds for one of them to be found

Endpoint = tuple[str, str]  # a URL, and the token to show there


class Resolver:
    """Finds one claim, for the tokens of one issuer."""

    def __init__(
        self,
        claim: str,
        audiences: Sequence[str],
        algorithms: Sequence[str],
        fetcher: Fetcher,
        around: Surroundings,
    ) -> None:
        self._claim, self._audiences, self._algorithms = claim, audiences, algorithms
        self._fetcher, self._around = fetcher, around
        self._providers: dict[str, Provider] = {}
        self._wanted: asyncio.Queue[Provider] = asyncio.Queue()

    def endpoint(self, claims: id_token.Claims) -> Endpoint | None:
        """Where the claim is; None where it is in the token itself, or nowhere. Raises Refused."""
        names, sources = claims.get("_claim_names"), claims.get("_claim_sources")
        if self._claim in claims or not names:
            return None
        if not sources:
            raise _unexpanded("oidc: no claim sources")
        source = names.get(self._claim)
        if source is None:
            return None
        place = sources.get(source) or {}
        if not isinstance(place, dict) or not all(isinstance(item, str) for item in place.values()):
            raise _unexpanded("oidc: could not parse claim sources")
        url = place.get("endpoint") or ""
        return (url, place.get("access_token") or "") if url else None

    async def expanded(self, claims: id_token.Claims, endpoint: Endpoint, now: datetime) -> id_token.Claims:
        """The claims with the one that is elsewhere. Raises Refused."""
        url, access = endpoint
        token = await self._token(url, access)
        issuer = id_token.issuer_of(unverified_payload(token))
        if not issuer:
            raise _unexpanded(
                f'getting untrusted issuer from endpoint {url} failed for claim "{self._claim}": malformed token'
            )
        found = await self._claims(token, issuer, now)
        if self._claim not in found:
            raise _unexpanded(
                f'jwt returned by distributed claim endpoint "{url}" did not contain claim: {self._claim}'
            )
        return {**claims, self._claim: found[self._claim]}

    async def _token(self, url: str, access: str) -> str:
        try:
            answer = await self._fetcher.get(url, access)
        except Unreachable as error:
            raise _unexpanded(f'while getting distributed claim "{self._claim}": {error}') from None
        if not 200 <= answer.status <= 226:
            why = f"error while getting distributed claim JWT: {answer.status}"
            raise _unexpanded(f'while getting distributed claim "{self._claim}": {why}')
        return answer.body.decode(errors="replace").strip()

    async def _claims(self, token: str, issuer: str, now: datetime) -> dict[str, Any]:
        provider = await self._provider(issuer)
        try:
            id_token.algorithm_of(token, self._algorithms)
            payload = await provider.verified(token, self._algorithms)
            return id_token.claims_of(payload, issuer, self._audiences, now)
        except Refused as error:
            raise _unexpanded(f"verify distributed claim token: {error}") from None

    async def _provider(self, issuer: str) -> Provider:
        provider = self._providers.get(issuer)
        if provider is None and len(self._providers) < _MOST:
            provider = self._providers[issuer] = Provider(issuer, "", self._fetcher, self._around)
            self._wanted.put_nowait(provider)
        if provider is None or not await self._is_found(provider):
            raise _unexpanded(
                f'verifying untrusted issuer {issuer} failed: verifier not initialized for issuer: "{issuer}"'
            )
        return provider

    async def _is_found(self, provider: Provider) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                await provider.found.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Look for issuers as they are named."""
        async with asyncio.TaskGroup() as group:
            while True:
                provider = await self._wanted.get()
                group.create_task(provider.run(), name=f"OIDC issuer {provider.url}")


def _unexpanded(why: str) -> Refused:
    return Refused(f"oidc: could not expand distributed claims: {why}")
