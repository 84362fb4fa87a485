"""Protobuf: messages of stored objects are encoded once and kept beside their JSON while there is room.

Every client of a kind asks for the same objects, when they start and with each event; the scheduler, the controller
manager and the kubelets of a cluster do so in protobuf. Format: machinery/protobuf.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from sampan.apiserver.accept import PROTOBUF
from sampan.apiserver.beside import LARGE
from sampan.apiserver.call import Call, Change, Many
from sampan.apiserver.render.batches import MOST, batches, is_long
from sampan.apiserver.render.serializer import Encode, Parts, Rest
from sampan.apiserver.render.trees import bookmark, list_meta
from sampan.apiserver.render.versions import in_version
from sampan.machinery.errors import NotAcceptable
from sampan.machinery.protobuf import encoder, envelope, message_of
from sampan.machinery.protobuf.messages import META
from sampan.storage.cached import Cached, Items

_MOST_KEPT = 32 << 20  # bytes of messages, and of the values of the objects that they are of
_JOINED_KEPT = 1 << 20  # as in storage/cached.py


class AsProtobuf:
    """See serializer.py."""

    media_type = PROTOBUF
    stream_type = f"{PROTOBUF};stream=watch"

    def __init__(self) -> None:
        self._kept = _Kept()

    def tree(self, tree: Any) -> bytes:
        """An object by itself; raises NotAcceptable where its kind has no message."""
        api_version, kind = tree.get("apiVersion", ""), tree["kind"]  # some of discovery have no version
        return envelope.wrap(api_version, kind, encoder(_message_of(api_version, kind))(tree))

    def entry(self, call: Call, entry: Cached) -> tuple[bytes, Rest]:
        """An object as it is stored."""
        message = self._message(call, entry)
        before, after = envelope.around(call.served.version.api_version, call.served.kind.name, len(message))
        return (before, (message, after)) if len(message) > LARGE else (before + message + after, ())

    def many(self, call: Call, result: Many) -> Iterator[bytes]:
        """A list. Its length comes first, so a long one is encoded once to be measured, and once more to be sent."""
        meta = envelope.list_head(encoder(f"{META}.ListMeta")(list_meta(result)))
        kind, version = call.served
        size, items = len(meta), b""
        for batch in batches(result.entries):
            items = self._joined(call, batch)
            size += len(items)
            yield b""
        before, after = envelope.around(version.api_version, kind.list_kind, size)
        yield before + meta
        if is_long(result.entries):
            yield from (self._joined(call, batch) for batch in batches(result.entries))
        else:
            yield items
        yield after

    def joined(self, parts: Parts) -> Iterator[bytes]:
        """A list of views, of which there is one that has a message; made twice, as above."""
        size, around = 0, (b"", b"")
        for part in parts(MOST):
            encode = encoder(_message_of(part["apiVersion"], part["kind"]))
            if not size:
                size = len(meta := encode({**part, "items": []}))
            size += len(encode({"items": part["items"]}))
            around = envelope.around(part["apiVersion"], part["kind"], size)
            yield b""
        yield around[0] + meta
        for part in parts(MOST):
            yield encode({"items": part["items"]})
        yield around[1]

    def is_quick(self, call: Call) -> bool:
        """Never: what is kept may be gone."""
        return False

    def frame(self, type: str, tree: Any) -> bytes:
        """A watch event of an object by itself."""
        return envelope.watch_frame(type, self.tree(tree))

    def changes(self, call: Call) -> Encode:
        """The frames of a watch of stored objects."""
        form = (PROTOBUF, call.served.version.api_version)

        def of_entry(type: str, entry: Cached) -> bytes:
            return envelope.watch_frame(type, self._wrapped(call, entry))

        def encode(change: Change) -> bytes:
            if change.event is not None:
                assert change.type != "BOOKMARK"
                return change.event.frame_as(change.type, form, of_entry)
            if change.entry is not None:
                return of_entry(change.type, change.entry)
            return self.frame(change.type, bookmark(call, change))

        return encode

    def _wrapped(self, call: Call, entry: Cached) -> bytes:
        first, rest = self.entry(call, entry)
        return first + b"".join(rest)

    def _message(self, call: Call, entry: Cached) -> bytes:
        version = call.served.version
        found: bytes | None = entry.views.get(version.api_version) if entry.views else None
        if found is None:
            message = message_of(version.api_version, call.served.kind.name)
            assert message is not None, "form.py lets nobody have what has no message"
            tree = entry.read() if version.convert is None else in_version(call, entry.read())
            found = encoder(message)(tree)
            self._kept.keep(entry, version.api_version, found)
        return found

    def _joined(self, call: Call, entries: Sequence[Cached]) -> bytes:
        """The items of a list; remembered while small."""
        notes = entries.notes if isinstance(entries, Items) else {}
        name = f"{PROTOBUF} {call.served.version.api_version}"
        kept: bytes | None = notes.get(name)
        if kept is None:
            kept = b"".join([envelope.item(self._message(call, entry)) for entry in entries])
            if len(kept) <= _JOINED_KEPT:
                notes[name] = kept
        return kept


def _message_of(api_version: str, kind: str) -> str:
    message = message_of(api_version, kind)
    if message is None:
        raise NotAcceptable(
            f"object {kind} does not implement the protobuf marshalling interface and cannot be encoded to a protobuf "
            "message"
        )
    return message


class _Kept:
    """The messages that are kept with cached objects, the oldest first; used by threads, too."""

    def __init__(self) -> None:
        self._all: deque[tuple[Cached, str, int]] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def keep(self, entry: Cached, version: str, message: bytes) -> None:
        """Keep a message, and forget others that there is no more room for."""
        size = len(message) + len(entry.value)
        if size > _MOST_KEPT // 8:
            return
        with self._lock:
            entry.views = {**(entry.views or {}), version: message}
            self._all.append((entry, version, size))
            self._size += size
            while self._size > _MOST_KEPT:
                old, name, freed = self._all.popleft()
                self._size -= freed
                old.views = {key: kept for key, kept in (old.views or {}).items() if key != name} or None
