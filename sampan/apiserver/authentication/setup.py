"""The authenticator of a server, put together of what it was told. Called by server.py.

The order of bearer tokens is upstream's: what is known from the start, what this cluster has signed, what it keeps, and
last what others have to be asked about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.authentication.attempt import TokenAuthenticator
from sampan.apiserver.authentication.authenticate import Authenticator
from sampan.apiserver.authentication.bootstrap_token import BootstrapTokens
from sampan.apiserver.authentication.keys import KeyRing
from sampan.apiserver.authentication.legacy_token import LegacyTokens, NoteUse
from sampan.apiserver.authentication.lookup import Lookup
from sampan.apiserver.authentication.metrics import AuthenticationMetrics
from sampan.apiserver.authentication.options import AuthenticationOptions, Loaded
from sampan.apiserver.authentication.request_header import NO_FRONT_PROXIES, FrontProxies
from sampan.apiserver.authentication.service_account import Expirations, ServiceAccountTokens
from sampan.apiserver.authentication.token_cache import Lifetimes, TokenCache
from sampan.apiserver.authentication.token_metrics import ServiceAccountTokenMetrics, TokenCacheMetrics
from sampan.apiserver.authentication.tokens import StaticTokens, Tokens
from sampan.apiserver.authentication.user import User
from sampan.apiserver.authentication.webhook import WebhookTokens
from sampan.apiserver.authentication.x509 import CertificateAuthenticator
from sampan.apiserver.flag_values import OptionsError
from sampan.apiserver.webhooks.remote import RemoteWebhook

if TYPE_CHECKING:
    from sampan.apiserver.authentication.jwt.reload import LiveTokens

_REMEMBERED = Lifetimes(timedelta(seconds=10))  # good tokens of other issuers


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What users are recognized by, besides what the options say."""

    client_ca: bytes = b""
    front_proxies: FrontProxies = NO_FRONT_PROXIES
    service_account_key: bytes
    service_account_verifiers: Sequence[bytes] = ()
    issuer: str  # where the options name none
    tokens: Mapping[str, User] = field(default_factory=dict)
    server: str = ""  # by which metrics tell API servers apart
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]


class Authentication:
    """The authenticator, and what it needs to be running."""

    def __init__(
        self,
        options: AuthenticationOptions,
        loaded: Loaded,
        material: Material,
        lookup: Lookup,
        note_use: NoteUse,
        registry: CollectorRegistry,
    ) -> None:
        """Raises OptionsError, ValueError for keys that are none."""
        self._loaded, self._material, self._registry = loaded, material, registry
        self._caches: list[TokenCache] = []
        self._live: LiveTokens | None = None
        self._webhook: WebhookTokens | None = None
        issuers = tuple(options.service_account_issuer) or (material.issuer,)
        audiences = tuple(options.api_audiences) or issuers
        keys = KeyRing.from_pem(material.service_account_key, *material.service_account_verifiers, *loaded.verifiers)
        expirations = Expirations(options.service_account_extend_token_expiration, loaded.max_expiration)
        service_accounts = ServiceAccountTokens(
            keys,
            issuers,
            audiences,
            lookup,
            LegacyTokens(lookup, note_use),
            ServiceAccountTokenMetrics(registry),
            expirations,
        )
        tokens: list[TokenAuthenticator] = [
            StaticTokens({**loaded.tokens, **material.tokens}, audiences),
            service_accounts,
        ]
        if options.enable_bootstrap_token_auth:
            tokens.append(BootstrapTokens(lookup, audiences))
        self.authenticator = Authenticator(
            certificates=CertificateAuthenticator(material.client_ca, material.front_proxies),
            tokens=Tokens([*tokens, *self._others(audiences, issuers)]),
            anonymous=loaded.anonymous,
            service_accounts=service_accounts,
            audiences=audiences,
            metrics=AuthenticationMetrics(registry),
        )

    def _others(self, audiences: Sequence[str], issuers: Sequence[str]) -> list[TokenAuthenticator]:
        """Those that ask others."""
        metrics = TokenCacheMetrics(self._registry)
        if self._loaded.jwt is not None and (self._loaded.jwt.jwt or self._loaded.jwt_file):
            self._live = self._jwt(audiences, issuers)
            self._caches.append(TokenCache(self._live, _REMEMBERED, metrics))
        if (webhook := self._loaded.webhook) is not None:
            remote = RemoteWebhook(webhook.access, self._material.sleep)
            self._webhook = WebhookTokens(remote, webhook.version, audiences)
            lifetime = timedelta(seconds=webhook.cache_ttl)
            self._caches.append(TokenCache(self._webhook, Lifetimes(lifetime, lifetime), metrics))
        return list(self._caches)

    def _jwt(self, audiences: Sequence[str], issuers: Sequence[str]) -> "LiveTokens":
        """Other issuers' tokens; what judges them is loaded only where there are some."""
        from sampan.apiserver.authentication.jwt.issuer import Surroundings
        from sampan.apiserver.authentication.jwt.metrics import JWTMetrics
        from sampan.apiserver.authentication.jwt.reload import LiveTokens, Maker, Unusable

        material, loaded = self._material, self._loaded
        assert loaded.jwt is not None
        around = Surroundings(material.now, material.sleep, JWTMetrics(self._registry, material.server))
        maker = Maker(loaded.algorithms, audiences, issuers, around)
        try:
            return LiveTokens(maker, loaded.jwt, self._forget)
        except Unusable as error:
            raise OptionsError(f"invalid authentication configuration: {error}") from error

    def _forget(self) -> None:
        for cache in self._caches:
            cache.forget()

    async def run(self) -> None:
        """Find issuers, and follow files, until cancelled."""
        if self._live is not None:
            await self._live.run(self._loaded.jwt_file, self._loaded.jwt_text)
        else:
            await asyncio.Event().wait()

    async def close(self) -> None:
        """End what is under way."""
        for cache in self._caches:
            await cache.close()
        if self._webhook is not None:
            await self._webhook.close()
