"""JSON: stored bytes with another head where the version is field-identical, encoded anew only where it is not."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from sampan.apiserver.accept import JSON
from sampan.apiserver.beside import LARGE
from sampan.apiserver.call import Call, Change, Many
from sampan.apiserver.extensions.views import all_stored, working
from sampan.apiserver.render.batches import MOST, batches
from sampan.apiserver.render.serializer import Encode, Parts, Rest
from sampan.apiserver.render.trees import bookmark, item, list_meta
from sampan.apiserver.render.versions import in_version, is_spliced, shown
from sampan.storage.cached import Cached, Items, head, join

LIST_END = b"]}\n"


class AsJSON:
    """See serializer.py."""

    media_type = JSON
    stream_type = JSON

    def tree(self, tree: Any) -> bytes:
        """An object by itself."""
        return orjson.dumps(tree) + b"\n"

    def entry(self, call: Call, entry: Cached) -> tuple[bytes, Rest]:
        """An object as it is stored."""
        if not is_spliced(call, entry):
            return self.tree(shown(call, entry)), ()
        opening = head(call.served.version.api_version, call.served.kind.name)
        if len(entry.value) <= LARGE:
            return opening + entry.body + b"\n", ()
        first, rest = entry.body_pieces
        return opening + first, (rest, b"\n")

    def many(self, call: Call, result: Many) -> Iterator[bytes]:
        """A list."""
        kind, version = call.served
        yield b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (
            kind.list_kind.encode(),
            version.api_version.encode(),
            orjson.dumps(list_meta(result)),
        )
        for number, batch in enumerate(batches(result.entries)):
            if number:
                yield b","
            yield _joined(call, batch)
        yield LIST_END

    def joined(self, parts: Parts) -> Iterator[bytes]:
        """A list of views."""
        for number, part in enumerate(parts(MOST)):
            field, items = part.popitem()
            if not number:
                yield orjson.dumps({**part, field: []})[: -len("]}")]
            yield (b"," if number else b"") + orjson.dumps(items)[1:-1]
        yield LIST_END

    def is_quick(self, call: Call) -> bool:
        """Whether stored objects are spliced."""
        return call.served.version.convert is None

    def frame(self, type: str, tree: Any) -> bytes:
        """A watch event of an object by itself."""
        return orjson.dumps({"type": type, "object": tree}) + b"\n"

    def changes(self, call: Call) -> Encode:
        """The frames of a watch of stored objects."""
        if call.served.version.convert is not None:
            return self._converting(call)
        if call.served.version.structure is not None:
            return self._splicing_what_is_stored(call)
        return self._splicing(call)

    def _splicing(self, call: Call) -> Encode:
        """For field-identical versions: no object is looked into."""
        first = head(call.served.version.api_version, call.served.kind.name)

        def encode(change: Change) -> bytes:
            if change.event is not None:
                assert change.type != "BOOKMARK"
                return change.event.frame(change.type, first)
            if change.entry is not None:
                return b'{"type":"%b","object":%b%b}\n' % (change.type.encode(), first, change.entry.body)
            return self.frame(change.type, bookmark(call, change))

        return encode

    def _splicing_what_is_stored(self, call: Call) -> Encode:
        """For custom resources: as above, but for those of which clients see something else than what is stored."""
        splice = self._splicing(call)

        def encode(change: Change) -> bytes:
            if change.entry is None or is_spliced(call, change.entry):
                return splice(change)
            return self.frame(change.type, shown(call, change.entry))

        return encode

    def _converting(self, call: Call) -> Encode:
        def encode(change: Change) -> bytes:
            if change.entry is None:
                return self.frame(change.type, bookmark(call, change))
            return self.frame(change.type, in_version(call, working(call.served, change.entry)))

        return encode


def _joined(call: Call, entries: Sequence[Cached]) -> bytes:
    version, opening = call.served.version, b"{"
    if version.structure is not None:  # custom resources say what they are in lists, too
        opening = head(version.api_version, call.served.kind.name)
        if not all_stored(call.served, entries):
            return b",".join(_typed(call, entry, opening) for entry in entries)
    if version.convert is not None:
        return b",".join(orjson.dumps(item(call, entry)) for entry in entries)
    return entries.joined(opening) if isinstance(entries, Items) else join(entries, opening)


def _typed(call: Call, entry: Cached, opening: bytes) -> bytes:
    return opening + entry.body if is_spliced(call, entry) else orjson.dumps(shown(call, entry))
