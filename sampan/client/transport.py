"""What carries a client's calls: in-process (given by the API server) or HTTPS (https.py).

The client above it is the same for both. Objects that an in-process transport returns are shared with the watch cache:
nobody may change them; machinery/tree.py has functions that copy on write.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from sampan.machinery.meta import Object


class WatchEvent(NamedTuple):
    """ADDED, MODIFIED, DELETED or BOOKMARK; errors are raised, not delivered."""

    type: str
    object: Object


class Transport(Protocol):
    """Everything raises machinery.errors.APIError where the server answers with a failure."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,  # a JSON tree
        content_type: str = "application/json",
        accept: str = "",
    ) -> Object:
        """One call and its decoded answer (an object, a list, a Status, or a document that `accept` asks for)."""

    def watch(self, path: str, query: Mapping[str, str]) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """A watch on a collection. The iterator ends when the server closes the watch; Expired is raised for 410."""

    def stream(self, path: str, query: Mapping[str, str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A GET whose body is passed on as it arrives (logs)."""

    async def close(self) -> None:
        """Release connections."""
