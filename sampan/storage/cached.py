"""Cached objects and events: stored bytes dressed for the wire, each piece made once and shared by all readers.

A stored value is the JSON of an object without apiVersion, kind and resourceVersion, `metadata` first. What clients
read differs only at the front, so it is spliced, never encoded again. Where objects of one collection are stored in
different versions (custom resources whose definition has moved on), the value begins with its own, and a space:
`example.com/v1 {"metadata":...`. Made by cache.py; read by the API server.
Nothing here may be changed by a reader, `Cached.object` least of all.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

import orjson

from sampan.storage.protocol import EventType

WatchType = Literal["ADDED", "MODIFIED", "DELETED"]

START = b'{"metadata":{'  # of every stored value
_START = len(START)
_JOINED_KEPT = 1 << 20  # joined lists up to this size are remembered; larger ones cost more memory than time


@lru_cache(maxsize=1024)
def head(api_version: str, kind: str) -> bytes:
    """The first bytes of an object of this type: `{"kind":"Pod","apiVersion":"v1",`."""
    return b'{"kind":%b,"apiVersion":%b,' % (orjson.dumps(kind), orjson.dumps(api_version))


@lru_cache(maxsize=1024)
def _in_version(head: bytes, api_version: bytes) -> bytes:
    """A head with another version."""
    return b'%b,"apiVersion":%b,' % (head[: head.index(b',"apiVersion":')], orjson.dumps(api_version.decode()))


def tagged(api_version: str, value: bytes) -> bytes:
    """A value that says in which version it is stored."""
    return api_version.encode() + b" " + value


def untagged(value: bytes) -> bytes:
    """The JSON of a stored value."""
    return value if value.startswith(b"{") else value[value.find(b" ") + 1 :]


TREES_KEPT = 8 << 20  # bytes of the objects whose trees are kept


class Cached:
    """An object at a revision. `value` is shared with the store, `head` with all objects of the type and version."""

    __slots__ = ("_labels", "_object", "head", "key", "revision", "start", "value", "views")

    def __init__(self, key: str, revision: int, value: bytes, head: bytes) -> None:
        self.key = key
        self.revision = revision
        self.value = value
        self.head = head  # in the version in which it is stored
        self.start = _START  # of the first field of the metadata
        self.views: dict[str, Any] | None = None  # what the API server has made of it, for other versions or as bytes
        self._object: dict[str, Any] | None = None
        self._labels: Mapping[str, str] | None = None
        if value[:1] != b"{" and (end := value.find(b" ")) > 0:
            self.head, self.start = _in_version(head, value[:end]), end + 1 + _START

    def __repr__(self) -> str:
        return f"Cached({self.key!r}, {self.revision})"

    @property
    def body(self) -> bytes:
        """Everything after the `{`, kind and apiVersion: `"metadata":{"resourceVersion":"7","name":...},...}`.

        `head(api_version, kind) + body` is the object in any version with the same fields; `b"{" + body` a list item.
        """
        return b'"metadata":{"resourceVersion":"%d",' % self.revision + self.value[self.start :]

    @property
    def body_pieces(self) -> tuple[bytes, memoryview]:
        """The same without a copy: many clients may be slow to read a large object."""
        return b'"metadata":{"resourceVersion":"%d",' % self.revision, memoryview(self.value)[self.start :]

    @property
    def encoded(self) -> bytes:
        """The whole object as it is stored."""
        return self.head + self.body

    @property
    def labels(self) -> Mapping[str, str]:
        """The object's labels; they alone are kept of it."""
        if self._labels is None:
            self._labels = self.read()["metadata"].get("labels") or {}
        return self._labels

    def read(self) -> dict[str, Any]:
        """The object, for one use: it is not kept because of that. Shared all the same: never change it."""
        return self._object if self._object is not None else orjson.loads(self.encoded)

    @property
    def object(self) -> dict[str, Any]:
        """The object as it is stored, with apiVersion, kind and resourceVersion. Shared: never change it.

        It is kept while few others have been looked at since.
        """
        found = self._object
        if found is None:
            found = self._object = orjson.loads(self.encoded)
            _looked_at.note(self)
        return found


class _LookedAt:
    """The entries that were looked at last, whose trees are kept: a tree takes ten times the bytes that it is of.
    Used by threads, too."""

    def __init__(self) -> None:
        self._entries: deque[Cached] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def note(self, entry: Cached) -> None:
        """Keep this one, and forget others that there is no more room for."""
        with self._lock:
            self._entries.append(entry)
            self._size += len(entry.value)
            while self._size > TREES_KEPT and len(self._entries) > 1:
                old = self._entries.popleft()
                self._size -= len(old.value)
                old._object = None


_looked_at = _LookedAt()


class Items(tuple[Cached, ...]):
    """The objects of a list, in key order."""

    @property
    def notes(self) -> dict[str, Any]:
        """What readers remember of this list; gone with it."""
        notes: dict[str, Any] = self.__dict__.setdefault("_notes", {})
        return notes

    def joined(self, opening: bytes = b"{") -> bytes:
        """The inside of a list's `items`: `{"metadata":...},{"metadata":...}`; remembered while small."""
        kept: tuple[bytes, bytes] | None = self.notes.get("joined")
        if kept is None or kept[0] != opening:
            kept = (opening, join(self, opening))
            if len(kept[1]) <= _JOINED_KEPT:
                self.notes["joined"] = kept
        return kept[1]


def join(items: Iterable[Cached], opening: bytes = b"{") -> bytes:
    """List items as one run of bytes: without kind and apiVersion, as upstream encodes typed lists, or with a head."""
    pieces: list[bytes] = []
    start = b',%b"metadata":{"resourceVersion":"%%d",' % opening.replace(b"%", b"%%")
    for cached in items:  # two pieces each, joined once: no copy of the whole item in between
        pieces.append(start % cached.revision)
        pieces.append(cached.value[cached.start :])
    if pieces:
        pieces[0] = pieces[0][1:]
    return b"".join(pieces)


class CacheEvent:
    """One change, as watchers see it. `new` is None for a deletion, `old` for a creation."""

    __slots__ = ("_frames", "gone", "key", "new", "old", "revision", "type")

    def __init__(self, type: EventType, revision: int, old: Cached | None, new: Cached | None, gone: Cached) -> None:
        self.type = type
        self.key = gone.key
        self.revision = revision
        self.old = old
        self.new = new
        # What a DELETED carries: the last state, at the revision of this event. Also for updates, because
        # an object that leaves a watch's selector is deleted as far as that watch is concerned.
        self.gone = gone
        self._frames: dict[tuple[WatchType, Hashable], bytes] = {}

    def __repr__(self) -> str:
        return f"CacheEvent({self.type.name}, {self.key!r}, {self.revision})"

    def seen_as(self, matches: Callable[[Cached], bool]) -> WatchType | None:
        """What this change is to a watch that sees only matching objects; None: nothing."""
        was = self.old is not None and matches(self.old)
        now = self.new is not None and matches(self.new)
        if now:
            return "MODIFIED" if was else "ADDED"
        return "DELETED" if was else None

    @property
    def seen_by_all(self) -> WatchType:
        """What this change is to a watch without selectors."""
        if self.new is None:
            return "DELETED"
        return "MODIFIED" if self.old else "ADDED"

    def subject(self, type: WatchType) -> Cached:
        """The object that a watch event of this type carries."""
        return self.gone if type == "DELETED" or self.new is None else self.new

    def frame(self, type: WatchType, head: bytes | None = None) -> bytes:
        """The line of a watch response, `{"type":"ADDED","object":{...}}\\n`, encoded once for all watchers.

        `head` is `head(api_version, kind)` of a field-identical version; the storage version by default.
        """
        subject = self.subject(type)
        name = (type, head or subject.head)
        frame = self._frames.get(name)
        if frame is None:
            frame = b'{"type":"%b","object":%b%b}\n' % (type.encode(), name[1], subject.body)
            self._frames[name] = frame
        return frame

    def frame_as(self, type: WatchType, form: Hashable, encode: Callable[[WatchType, Cached], bytes]) -> bytes:
        """The same in another form than JSON as it is stored; `encode` is for who comes first."""
        frame = self._frames.get((type, form))
        if frame is None:
            frame = self._frames[type, form] = encode(type, self.subject(type))
        return frame

    def forget_frames(self) -> None:
        """Give back memory once the watchers of the moment are served; later ones encode anew."""
        self._frames.clear()
