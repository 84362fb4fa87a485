"""Fetching the ConfigMaps and Secrets that pods refer to, when they are needed. Called for variables and volumes."""

import asyncio
from collections.abc import Iterable

from sampan.client.api import Client
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.secret import KIND as SECRET
from sampan.kubelet.pod_env import Source
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Object

_KINDS = {"configmap": CONFIG_MAP, "secret": SECRET}


class SourceReader:
    """Reads through the client; in the server's process that is the watch cache."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, namespace: str, wanted: Iterable[Source]) -> dict[Source, Object | None]:
        """The objects, None for those that do not exist; raises APIError, OSError otherwise."""
        sources = list(wanted)
        found = await asyncio.gather(*(self._read_one(namespace, source) for source in sources))
        return dict(zip(sources, found, strict=True))

    async def secrets(self, namespace: str, names: Iterable[str]) -> list[Object]:
        """Some Secrets; those that do not exist are left out, as upstream does with pull secrets."""
        found = await self.read(namespace, [Source("secret", name) for name in names])
        return [secret for secret in found.values() if secret is not None]

    async def _read_one(self, namespace: str, source: Source) -> Object | None:
        try:
            return await self._client.get(_KINDS[source.kind], source.name, namespace)
        except NotFound:
            return None
