"""What the cache remembers of the past, and how much."""

import pytest

from sampan.storage.cached import Cached, CacheEvent, head
from sampan.storage.history import History
from sampan.storage.protocol import EventType

HEAD = head("v1", "Pod")


def change(revision: int, key: str = "/core/pods/a/x", size: int = 0) -> CacheEvent:
    new = Cached(key, revision, b'{"metadata":{"name":"x"},"x":"%b"}' % (b"x" * size), HEAD)
    return CacheEvent(EventType.CREATE, revision, None, new, new)


def revisions(history: History, after: int = 0, prefix: str = "/") -> list[int]:
    return [event.revision for event in history.since(after, prefix)]


def test_large_events_push_out_old_ones() -> None:
    history = History(max_bytes=10_000)
    for revision in range(1, 8):
        history.append(change(revision, size=3000))
    assert revisions(history) == [5, 6, 7]
    assert history.complete_after == 4


def test_what_the_store_forgets_is_forgotten_here() -> None:
    history = History()
    history.begin(2)
    for revision in (3, 4, 5):
        history.append(change(revision))
    history.trim(4)
    assert (revisions(history), history.complete_after) == ([5], 4)
    history.trim(9)
    assert (revisions(history), history.complete_after) == ([], 9)


@pytest.mark.parametrize(
    ("after", "prefix", "found"),
    [(0, "/core/pods/", [1, 2, 3]), (1, "/core/pods/a/", [3]), (0, "/core/pods/a/x", [1]), (3, "/", [])],
)
def test_it_is_read_by_revision_and_prefix(after: int, prefix: str, found: list[int]) -> None:
    history = History()
    for revision, name in enumerate(("a/x", "ab/x", "a/xy"), 1):
        history.append(change(revision, f"/core/pods/{name}"))
    assert revisions(history, after, prefix) == found


def test_encoded_frames_are_kept_for_the_watchers_of_the_moment_only() -> None:
    history = History()
    events = [change(revision) for revision in range(1, 101)]
    frames = []
    for event in events:
        frames.append(event.frame("ADDED"))
        history.append(event)
    assert events[-1].frame("ADDED") is frames[-1]
    assert events[0].frame("ADDED") is not frames[0]
    assert events[0].frame("ADDED") == frames[0]
