"""A KMS plugin's health, and the key that writes: a new one whenever the plugin says that its own has changed.

`run` polls: every minute while all is well, every ten seconds while it is not. Without an answer for three minutes
nothing is written any more, or a rotation would never be known to have reached everything. Rules and texts:
k8s.io/apiserver/pkg/server/options/encryptionconfig (kmsv2PluginProbe).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sampan.machinery.aggregate import aggregated
from sampan.storage.clock import Clock
from sampan.storage.encryption.kms.service import Service
from sampan.storage.encryption.kms.state import State, generate, hashed, key_id_error, shown
from sampan.storage.encryption.metrics import EncryptionMetrics
from sampan.storage.encryption.transformer import TransformFailed

log = logging.getLogger(__name__)

_POLL, _POLL_AGAIN = 60.0, 10.0  # seconds between two looks, after a good one and after a bad one
_GOOD_FOR, _BAD_FOR = 20.0, 3.0  # seconds that an answer is as good as a new one
_WRITE_FOR = timedelta(minutes=3)
_VERSIONS = ("v2", "v2beta1")


class Probe:
    """One for a plugin."""

    def __init__(self, service: Service, clock: Clock, metrics: EncryptionMetrics) -> None:
        self.service = service
        self._clock = clock
        self._metrics = metrics
        self._current: State | None = None
        self._version = ""  # of the plugin's first answer
        self._answer, self._good_until = "", -1.0
        self._lock = asyncio.Lock()

    def state(self) -> State:
        """The key that writes now; raises TransformFailed while there is none."""
        if self._current is None:
            raise TransformFailed("got unexpected nil transformer")
        return self._current

    async def check(self) -> str:
        """What is wrong with the plugin, "" if nothing is; asks it unless that has just been done."""
        async with self._lock:
            if self._clock.monotonic() >= self._good_until:
                self._answer = await self._look()
                self._good_until = self._clock.monotonic() + (_BAD_FOR if self._answer else _GOOD_FOR)
            return self._answer

    async def run(self, recovered: Callable[[], Awaitable[object]]) -> None:
        """Poll, until cancelled; `recovered` is called whenever the plugin is well again."""
        while True:
            wrong = await self.check()
            if wrong:
                await self._until_well(wrong)
                await recovered()
            await self._clock.sleep(_POLL)

    async def _until_well(self, wrong: str) -> None:
        while wrong:
            log.warning("kms plugin failed health check probe: %s: %s", self.service.name, wrong)
            await self._clock.sleep(_POLL_AGAIN)
            wrong = await self.check()

    async def _look(self) -> str:
        name = self.service.name
        try:
            answer = await asyncio.to_thread(self.service.status)
        except TransformFailed as error:
            return f"failed to perform status section of the healthz check for KMS Provider {name}, error: {error}"
        wrong = [*self._wrong_status(answer), await self._key_error(answer.key_id)]
        text = aggregated(wrong)
        return f"kmsv2 Provider {name} is not healthy, error: {text}" if text else ""

    def _wrong_status(self, answer: Any) -> list[str]:
        wrong = []
        if answer.healthz != "ok":
            wrong.append(f"got unexpected healthz status: {answer.healthz}")
        if answer.version not in _VERSIONS:
            wrong.append(f"expected KMSv2 API version v2, got {answer.version}")
        else:
            self._version = self._version or answer.version
            if answer.version != self._version:
                why = f"after the initial status response version {self._version}, got {answer.version}"
                wrong.append(f"KMSv2 API version should not change {why}")
        return wrong

    async def _key_error(self, key_id: str) -> str:
        """What keeps the plugin's key from being used; its key is ours from now on."""
        if why := key_id_error(key_id):
            self._metrics.invalid_key(self.service.name, "too_long" if key_id else "empty")
            return f'got invalid KMSv2 KeyID hash "{hashed(key_id)}": {why}'
        self._metrics.told_key(self.service.name, key_id)
        return await self._rotate(key_id)

    async def _rotate(self, key_id: str) -> str:
        """A new key where the plugin has a new one; the old one for longer where it has not."""
        expires, old = self._clock.now() + _WRITE_FOR, self._current
        if old is not None and old.key_id == key_id:
            self._current = old._replace(expires=expires)
            return ""
        made, error = "", "<nil>"
        try:
            new = await asyncio.to_thread(generate, self.service, expires)
        except TransformFailed as failure:
            error = str(failure)
        else:
            made = new.key_id
            if made == key_id:
                self._current = new
                return ""
        state = "<nil>" if old else "got unexpected nil transformer"
        until = shown(old.expires) if old else "0001-01-01T00:00:00Z"
        return (
            f"failed to rotate DEK useSeed=true, errState={state}, errGen={error}, "
            f'statusKeyIDHash="{hashed(key_id)}", encryptKeyIDHash="{hashed(made)}", '
            f'stateKeyIDHash="{hashed(old.key_id if old else "")}", expirationTimestamp={until}'
        )
