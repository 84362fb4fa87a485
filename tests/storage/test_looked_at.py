"""Trees of cached objects are kept while they are looked at, and not for ever."""

import threading

import orjson
import pytest

from sampan.storage import cached
from sampan.storage.cached import Cached, head


def entry(number: int, size: int = 100) -> Cached:
    value = orjson.dumps({"metadata": {"name": f"n{number}"}, "data": "x" * size})
    return Cached(f"/core/configmaps/default/n{number}", number, value, head("v1", "ConfigMap"))


def test_a_tree_is_shared_while_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "TREES_KEPT", 1000)
    first = entry(1)
    tree = first.object
    assert first.object is tree
    others = [entry(number) for number in range(2, 30)]
    for other in others:
        assert other.object["metadata"]["name"] == other.key.rpartition("/")[2]
    assert first.object == tree, "read again"
    kept = [other for other in others if other._object is not None]
    assert 1 <= len(kept) < 10
    assert kept == others[-len(kept) :]


def test_one_that_is_larger_than_all_that_is_kept_is_kept_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "TREES_KEPT", 1000)
    large = entry(1, 5000)
    assert large.object is large.object
    assert entry(2).object and large._object is None


def test_threads_may_look_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "TREES_KEPT", 1000)
    entries = [entry(number) for number in range(100)]
    wrong: list[object] = []

    def look() -> None:
        for _ in range(20):
            wrong.extend(one for one in entries if one.object["metadata"]["name"] != one.key.rpartition("/")[2])

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert cached._looked_at._size == sum(len(one.value) for one in cached._looked_at._entries)
