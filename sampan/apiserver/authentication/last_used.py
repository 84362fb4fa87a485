"""Writing on a Secret that its token has been used today, beside the request that used it.

Upstream writes within the request; here nobody waits for it. Called by legacy_token.py; server.py runs it.
"""

import asyncio
import logging
from typing import NamedTuple

from sampan.client.api import Client
from sampan.kinds.core.secret import KIND as SECRET
from sampan.kinds.core.service_account_token import LAST_USED
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Key, Object, key_of

log = logging.getLogger(__name__)

_MOST = 1024  # that wait to be written


class _Use(NamedTuple):
    uid: str
    day: str


class LastUsed:
    """Uses to be written, each Secret's once."""

    def __init__(self) -> None:
        self._waiting: dict[Key, _Use] = {}
        self._some = asyncio.Event()

    def note(self, secret: Object, day: str) -> None:
        """A token was used; what is too much is noted at its next use."""
        if len(self._waiting) < _MOST:
            self._waiting[key_of(secret)] = _Use(secret["metadata"]["uid"], day)
            self._some.set()

    async def run(self, client: Client) -> None:
        """Write until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                key, use = self._waiting.popitem()
                patch = {"metadata": {"uid": use.uid, "labels": {LAST_USED: use.day}}}
                try:
                    await client.patch(SECRET, key.name, patch, namespace=key.namespace)
                except APIError as error:
                    log.warning("failed to label the legacy token %s with the day of its last use: %s", key, error)
