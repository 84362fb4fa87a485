"""The inner language of the API server: a `Call` goes into a verb, a `Result` comes out.

Verbs know neither HTTP nor in-process clients: app.py makes Calls of requests and render/ makes Responses of Results;
local.py does both without any bytes.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from sampan.apiserver.audit.annotations import Annotations
from sampan.apiserver.audit.record import Record
from sampan.apiserver.authentication.user import User
from sampan.apiserver.requestinfo import RequestInfo
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object
from sampan.storage.cached import Cached, CacheEvent, WatchType
from sampan.transport.messages import Reply, Request


class Payload(NamedTuple):
    """The body of a call: bytes from the wire, or a tree from an in-process client (shared, so it is copied on use)."""

    raw: bytes = b""
    content_type: str = ""
    tree: Any = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no body."""
        return not self.raw and self.tree is None


class Call(NamedTuple):
    """One request that has been authenticated and authorized."""

    request: Request
    info: RequestInfo
    user: User
    query: Mapping[str, str]  # the first value of each parameter
    served: Served  # the kind, and the version in which the client speaks
    catalogue: Catalogue  # under which the request was routed
    payload: Payload
    now: datetime
    warnings: list[str]  # become Warning headers, of an error too
    audit: Annotations  # for the audit log: domain/key -> text
    record: Record | None = None  # what is told of the request, where it is audited


@dataclass(slots=True)
class One:
    """An object as it is stored."""

    entry: Cached
    status: int = 200


@dataclass(slots=True)
class Tree:
    """An object that is not (or not yet) stored: dry runs, Scale, reviews, Status.

    `stored` is True where the tree is in its kind's storage version and must be converted to the client's.
    """

    tree: Object
    status: int = 200
    stored: bool = False


@dataclass(slots=True)
class Computed:
    """A list of objects that are not stored, of which nobody knows a revision."""

    objects: list[Object]


@dataclass(slots=True)
class Many:
    """A list. `revision` is its resourceVersion."""

    entries: Sequence[Cached]
    revision: int
    continue_token: str = ""
    remaining: int = 0


class Change(NamedTuple):
    """One event of a watch.

    `event` is the shared cache event (its frames are encoded once for all watchers); initial objects have none, and
    bookmarks have neither event nor entry.
    """

    type: WatchType | Literal["BOOKMARK"]
    revision: int
    entry: Cached | None = None
    event: CacheEvent | None = None
    ends_initial: bool = False  # the bookmark after the initial objects


class Changes(Protocol):
    """Batches of changes, until they end or are closed."""

    def __aiter__(self) -> AsyncIterator[Sequence[Change]]: ...
    async def __anext__(self) -> Sequence[Change]: ...
    async def aclose(self) -> None: ...


@dataclass(slots=True)
class Watching:
    """A watch: batches of changes until the client goes away or the time is up. Raises Expired from the iterator."""

    changes: Changes
    now: Callable[[], datetime]  # a watch may last for an hour, and ages are those of the moment


Result = One | Tree | Computed | Many | Watching | Reply
