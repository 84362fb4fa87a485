"""One issuer: found by its discovery document, and the keys that it signs with, fetched when one is not known.

`run` looks for the issuer until it is found, which may be long after the start: it may run in this very cluster. Keys
are kept as long as the issuer says, and used longer where it can't be reached. Rules: OpenID Connect Discovery 1.0;
github.com/coreos/go-oidc v2 (NewProvider, remoteKeySet). Called by authenticator.py and distributed.py.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import orjson

from sampan.apiserver.authentication.attempt import Refused
from sampan.apiserver.authentication.jwt import key_set
from sampan.apiserver.authentication.jwt.fetching import Document, Fetcher, Unreachable
from sampan.apiserver.authentication.jwt.metrics import JWTMetrics

log = logging.getLogger(__name__)

WELL_KNOWN = "/.well-known/openid-configuration"
_AGAIN = 10.0  # seconds until an issuer that was not found is looked for again
_EARLY = timedelta(seconds=30)  # before the end of their time, keys may be fetched anew
_UNVERIFIED = "failed to verify id token signature"
_MAX_AGE = re.compile(r"(?:^|[,\s])(s-maxage|max-age)=\"?(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What issuers need besides their configuration."""

    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    metrics: JWTMetrics


class Provider:
    """An issuer by its URL; `discovery_url` is where its document is, if not below that."""

    def __init__(self, url: str, discovery_url: str, fetcher: Fetcher, surroundings: Surroundings) -> None:
        self.url = url
        self.trouble = f'oidc: authenticator for issuer "{url}" is not initialized'  # "" once it has been found
        self.found = asyncio.Event()
        self._document = discovery_url or url.removesuffix("/") + WELL_KNOWN
        self._fetcher, self._around = fetcher, surroundings
        self._keys_url = ""
        self._keys: Sequence[key_set.Key] = ()
        self._until = datetime.min.replace(tzinfo=UTC)
        self._fetching: asyncio.Task[None] | None = None  # so that one serves all who wait for it

    async def run(self) -> None:
        """Look for the issuer until it is found."""
        while self.trouble:
            try:
                self._keys_url = await self._discovered()
                self.trouble = ""
                self.found.set()
            except Unreachable as error:
                self.trouble = str(error)
                log.error("OIDC issuer %s: %s", self.url, error)
                await self._around.sleep(_AGAIN)

    async def _discovered(self) -> str:
        """Where its keys are. Raises Unreachable."""
        body = (await self._fetcher.get(self._document)).needed()
        try:
            found = orjson.loads(body)
            issuer, keys = found.get("issuer") or "", found.get("jwks_uri") or ""
        except (ValueError, AttributeError) as error:
            raise Unreachable(f"oidc: failed to decode provider discovery object: {error}") from None
        if issuer != self.url:
            why = "oidc: issuer did not match the issuer returned by provider"
            raise Unreachable(f'{why}, expected "{self.url}" got "{issuer}"')
        if not keys:
            raise Unreachable("provider did not return JWKS URL")
        return str(keys)

    def known(self, token: str, algorithms: Sequence[str]) -> bytes | None:
        """The payload of a token that a key that is known has signed."""
        return key_set.verified(token, self._keys, algorithms)

    async def verified(self, token: str, algorithms: Sequence[str]) -> bytes:
        """The same, asking the issuer for its keys where none of those known fits. Raises Refused."""
        if (payload := self.known(token, algorithms)) is not None:
            return payload
        if self._around.now() + _EARLY <= self._until:
            raise Refused(f"failed to verify signature: {_UNVERIFIED}")
        try:
            await self._fetch()
        except Unreachable as error:
            raise Refused(f"failed to verify signature: fetching keys {error}") from None
        if (payload := self.known(token, algorithms)) is not None:
            return payload
        raise Refused(f"failed to verify signature: {_UNVERIFIED}")

    async def _fetch(self) -> None:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_keys(), name=f"keys of {self.url}")
            self._fetching.add_done_callback(self._fetched)
        await asyncio.shield(self._fetching)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # it has been raised where it is waited for

    async def _fetch_keys(self) -> None:
        try:
            document = await self._fetcher.get(self._keys_url)
            keys = key_set.parse(document.needed())
        except Unreachable as error:
            self._around.metrics.fetched(self.url, None)
            raise Unreachable(f"oidc: get keys failed {error}") from None
        except key_set.NoKeySet as error:
            self._around.metrics.fetched(self.url, None)
            raise Unreachable(f"oidc: failed to decode keys: {error}") from None
        self._around.metrics.fetched(self.url, document.body)
        now = self._around.now()
        self._keys, self._until = keys, now + _lifetime(document)

    async def close(self) -> None:
        """End what is under way."""
        if self._fetching is not None:
            self._fetching.cancel()


def _lifetime(document: Document) -> timedelta:
    """How long a document may be kept (RFC 9111, section 4.2.1); not at all where it doesn't say."""
    said = dict(_MAX_AGE.findall(document.headers.get("cache-control", "").lower()))
    if seconds := said.get("s-maxage") or said.get("max-age"):
        return timedelta(seconds=int(seconds))
    try:
        expires = parsedate_to_datetime(document.headers["expires"])
        return max(expires - parsedate_to_datetime(document.headers["date"]), timedelta())
    except (KeyError, ValueError, TypeError):
        return timedelta()
