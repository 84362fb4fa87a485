"""A list in batches: a short one in one, so that it can be remembered as it is sent, a long one in pieces.

What is in memory of a long list is a piece of it, not the answer. Called by the serializers.
"""

from collections.abc import Iterator, Sequence

from sampan.storage.cached import Cached, Items

LONG = 1 << 20  # bytes of stored objects; as many are joined in a millisecond
_PIECE = 128 << 10
MOST = 200  # objects of a piece


def size_of(entries: Sequence[Cached]) -> int:
    """Bytes of the stored objects; remembered of a list that is read again."""
    notes = entries.notes if isinstance(entries, Items) else {}
    size: int | None = notes.get("size")
    if size is None:
        size = notes["size"] = sum([len(entry.value) for entry in entries])
    return size


def is_long(entries: Sequence[Cached]) -> bool:
    """Whether a list is sent in pieces."""
    return size_of(entries) > LONG


def batches(entries: Sequence[Cached], most: int = MOST) -> Iterator[Sequence[Cached]]:
    """All of a short list; of a long one as many as make a piece, at least one and at most `most`."""
    if not is_long(entries):
        yield entries
        return
    batch: list[Cached] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += len(entry.value)
        if size >= _PIECE or len(batch) == most:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
