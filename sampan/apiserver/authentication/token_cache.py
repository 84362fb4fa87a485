"""What was found out about bearer tokens, remembered for a while: others need not be asked for each request.

Good tokens and those that nobody knows may be kept for different times, errors are not; who asks for what is being
found out already waits for that. Tokens themselves are not kept, only their hashes. Rules:
k8s.io/apiserver/pkg/authentication/token/cache. Called by setup.py.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from os import urandom
from typing import Any, NamedTuple

from sampan.apiserver.authentication.attempt import Attempt, Opinion, Refused, TokenAuthenticator, Verified
from sampan.apiserver.authentication.token_metrics import TokenCacheMetrics

_MOST = 32768  # tokens that are remembered
_PATIENCE = 30.0  # seconds for one look-up, however many wait for it


class _Found(NamedTuple):
    verified: Verified | None
    warnings: list[str]
    annotations: dict[str, str]
    until: datetime


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long answers are kept: a yes, and a no that is no error."""

    good: timedelta
    unknown: timedelta = timedelta()


class TokenCache:
    """A TokenAuthenticator in front of another."""

    def __init__(self, behind: TokenAuthenticator, lifetimes: Lifetimes, metrics: TokenCacheMetrics) -> None:
        self._behind, self._lifetimes, self._metrics = behind, lifetimes, metrics
        self._secret = urandom(32)
        self._found: OrderedDict[bytes, _Found] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Found]] = {}

    def authenticate(self, token: str, attempt: Attempt) -> Opinion:
        """What is remembered, or what the authenticator behind says."""
        key = self._key(token, attempt)
        found = self._found.get(key)
        if found is not None and attempt.now < found.until:
            self._metrics.hit()
            return _told(found, attempt)
        if (asking := self._asking.get(key)) is not None:
            return self._shared(asking, attempt)
        own = Attempt(attempt.now, attempt.audiences)
        try:
            opinion = self._behind.authenticate(token, own)
        except Refused:
            with self._metrics.missing(), self._metrics.fetching():
                raise
        if opinion is None or isinstance(opinion, Verified):
            with self._metrics.missing(), self._metrics.fetching():
                return _told(self._kept(key, opinion, own), attempt)
        return self._ask(key, opinion, own, attempt)

    def forget(self) -> None:
        """Remember nothing of what was: the authenticator behind has changed."""
        self._found.clear()
        self._asking.clear()

    async def close(self) -> None:
        """End look-ups that are under way."""
        for asking in list(self._asking.values()):
            asking.cancel()

    def _ask(
        self, key: bytes, waiting: Coroutine[Any, Any, Verified | None], own: Attempt, attempt: Attempt
    ) -> Coroutine[Any, Any, Verified | None]:
        asking = asyncio.get_running_loop().create_task(self._look_up(key, waiting, own), name="bearer token")
        self._asking[key] = asking
        asking.add_done_callback(lambda task: self._done(key, task))
        return self._shared(asking, attempt)

    async def _shared(self, asking: asyncio.Task[_Found], attempt: Attempt) -> Verified | None:
        with self._metrics.missing():
            return _told(await asyncio.shield(asking), attempt)

    async def _look_up(self, key: bytes, waiting: Coroutine[Any, Any, Verified | None], own: Attempt) -> _Found:
        with self._metrics.fetching():
            async with asyncio.timeout(_PATIENCE):
                return self._kept(key, await waiting, own)

    def _done(self, key: bytes, task: asyncio.Task[_Found]) -> None:
        if self._asking.get(key) is task:
            del self._asking[key]
        if not task.cancelled():
            task.exception()  # raised to those who wait for it, if any still do

    def _kept(self, key: bytes, verified: Verified | None, own: Attempt) -> _Found:
        lifetime = self._lifetimes.unknown if verified is None else self._lifetimes.good
        found = _Found(verified, own.warnings, own.annotations, own.now + lifetime)
        if lifetime:
            self._found[key] = found
            self._found.move_to_end(key)
            if len(self._found) > _MOST:
                self._found.popitem(last=False)
        return found

    def _key(self, token: str, attempt: Attempt) -> bytes:
        digest = blake2b(key=self._secret, digest_size=32)
        for part in (token, *attempt.audiences):
            raw = part.encode(errors="surrogatepass")
            digest.update(len(raw).to_bytes(8, "big") + raw)
        return digest.digest()


def _told(found: _Found, attempt: Attempt) -> Verified | None:
    if found.verified is not None:
        attempt.warnings += found.warnings
        attempt.annotations.update(found.annotations)
    return found.verified
