"""Tokens of all configured issuers: which issuer, a good signature, claims that hold, a user.

What is known decides at once; a coroutine where the issuer has to be asked, or an expression is too expensive for the
event loop. Called by reload.py and tokens.py.
"""

import asyncio
import logging
import ssl
from collections.abc import Coroutine, Sequence
from time import perf_counter
from typing import Any

from sampan.apiserver.authentication.attempt import Attempt, Opinion, Refused, Verified, common
from sampan.apiserver.authentication.jwt import id_token
from sampan.apiserver.authentication.jwt.compiled import Compiled
from sampan.apiserver.authentication.jwt.configuration import AuthenticationConfiguration, JWTAuthenticator
from sampan.apiserver.authentication.jwt.distributed import Resolver
from sampan.apiserver.authentication.jwt.expressions import AT_ONCE, TooExpensive
from sampan.apiserver.authentication.jwt.fetching import Fetcher
from sampan.apiserver.authentication.jwt.issuer import Provider, Surroundings
from sampan.apiserver.authentication.jwt.mapping import user_of
from sampan.apiserver.authentication.signed import unverified_payload
from sampan.apiserver.authentication.user import User
from sampan.machinery.aggregate import aggregated
from sampan.machinery.cel.settings import PER_CALL_LIMIT
from sampan.transport.tls import client_context

log = logging.getLogger(__name__)


class NoEgress(ValueError):
    """An issuer is to be reached through an egress that is not configured."""


class IssuerTokens:
    """The tokens of one issuer."""

    def __init__(
        self,
        configured: JWTAuthenticator,
        compiled: Compiled,
        algorithms: Sequence[str],
        context: ssl.SSLContext,
        around: Surroundings,
    ) -> None:
        issuer = configured.issuer
        self.url, self._around = issuer.url, around
        self._configured, self._compiled, self._algorithms = configured, compiled, algorithms
        self._fetcher = Fetcher(context)
        self.provider = Provider(issuer.url, issuer.discovery_url, self._fetcher, around)
        claim = configured.claim_mappings.groups.claim
        self._resolver = Resolver(claim, issuer.audiences, algorithms, self._fetcher, around) if claim else None

    def user(self, token: str, attempt: Attempt) -> User | Coroutine[Any, Any, User]:
        """Whom a token makes. Raises Refused; so may the coroutine."""
        began = perf_counter()
        try:
            user = self._user(token, attempt)
        except Refused:
            self._observe("failure", began)
            raise
        if isinstance(user, User):
            self._observe("success", began)
            return user
        return self._later(user, began)

    async def _later(self, waiting: Coroutine[Any, Any, User], began: float) -> User:
        try:
            user = await waiting
        except Refused:
            self._observe("failure", began)
            raise
        self._observe("success", began)
        return user

    def _user(self, token: str, attempt: Attempt) -> User | Coroutine[Any, Any, User]:
        if self.provider.trouble:
            raise Refused("oidc: authenticator not initialized")
        try:
            id_token.algorithm_of(token, self._algorithms)
        except Refused as error:
            raise Refused(f"oidc: verify token: {error}") from None
        payload = self.provider.known(token, self._algorithms)
        return self._fetch(token, attempt) if payload is None else self._of_payload(payload, attempt)

    async def _fetch(self, token: str, attempt: Attempt) -> User:
        """With keys that are to be asked for."""
        try:
            payload = await self.provider.verified(token, self._algorithms)
        except Refused as error:
            raise Refused(f"oidc: verify token: {error}") from None
        user = self._of_payload(payload, attempt)
        return user if isinstance(user, User) else await user

    def _of_payload(self, payload: bytes, attempt: Attempt) -> User | Coroutine[Any, Any, User]:
        issuer = self._configured.issuer
        try:
            claims = id_token.claims_of(payload, issuer.url, issuer.audiences, attempt.now)
        except Refused as error:
            raise Refused(f"oidc: verify token: {error}") from None
        if self._resolver is not None and (endpoint := self._resolver.endpoint(claims)):
            return self._resolve(claims, endpoint, attempt)
        return self._map(claims)

    async def _resolve(self, claims: id_token.Claims, endpoint: tuple[str, str], attempt: Attempt) -> User:
        assert self._resolver is not None
        user = self._map(await self._resolver.expanded(claims, endpoint, attempt.now))
        return user if isinstance(user, User) else await user

    def _map(self, claims: id_token.Claims) -> User | Coroutine[Any, Any, User]:
        try:
            return user_of(claims, self._configured, self._compiled, AT_ONCE)
        except TooExpensive:
            return asyncio.to_thread(user_of, claims, self._configured, self._compiled, PER_CALL_LIMIT)

    def _observe(self, result: str, began: float) -> None:
        self._around.metrics.authenticated(self.url, result, perf_counter() - began)

    async def run(self) -> None:
        """Find the issuer, and those of distributed claims."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.provider.run(), name=f"OIDC issuer {self.url}")
            if self._resolver is not None:
                group.create_task(self._resolver.run(), name=f"distributed claims of {self.url}")

    async def close(self) -> None:
        """End what is under way."""
        await self.provider.close()
        await self._fetcher.close()


class JWTTokens:
    """Those of all issuers of one configuration: a TokenAuthenticator."""

    def __init__(
        self,
        configuration: AuthenticationConfiguration,
        compiled: Sequence[Compiled],
        algorithms: Sequence[str],
        audiences: Sequence[str],
        around: Surroundings,
    ) -> None:
        """Reads the machine's certificates: not for the event loop. Raises NoEgress, ssl.SSLError."""
        self._audiences = audiences  # of this API server
        self._issuers: dict[str, IssuerTokens] = {}
        for configured, expressions in zip(configuration.jwt, compiled, strict=True):
            issuer = configured.issuer
            if kind := issuer.egress_selector_type:
                raise NoEgress(f'oidc: egress lookup required with egress selector type "{kind}"')
            context = client_context(issuer.certificate_authority.encode())
            self._issuers[issuer.url] = IssuerTokens(configured, expressions, algorithms, context, around)

    @property
    def urls(self) -> frozenset[str]:
        """The issuers."""
        return frozenset(self._issuers)

    def trouble(self) -> str:
        """Why tokens of some issuers can't be judged yet; "" if all can."""
        wrong = [
            f'oidc: authenticator for issuer "{one.url}" is not healthy: {one.provider.trouble}'
            for one in self._issuers.values()
            if one.provider.trouble
        ]
        return aggregated(wrong) if wrong else ""

    async def ready(self) -> None:
        """Wait until all issuers have been found."""
        for issuer in self._issuers.values():
            await issuer.provider.found.wait()

    def authenticate(self, token: str, attempt: Attempt) -> Opinion:
        """The user of a token of one of the issuers; they are not asked for tokens that are meant for others."""
        audiences = common(self._audiences, attempt.audiences)
        issuer = self._issuers.get(id_token.issuer_of(unverified_payload(token))) if audiences else None
        if issuer is None:
            return None
        user = issuer.user(token, attempt)
        return Verified(user, audiences) if isinstance(user, User) else _for(user, audiences)

    async def run(self) -> None:
        """Find the issuers."""
        async with asyncio.TaskGroup() as group:
            for issuer in self._issuers.values():
                group.create_task(issuer.run())

    async def close(self) -> None:
        """End what is under way."""
        for issuer in self._issuers.values():
            await issuer.close()


async def _for(waiting: Coroutine[Any, Any, User], audiences: tuple[str, ...]) -> Verified:
    return Verified(await waiting, audiences)
