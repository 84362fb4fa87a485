"""What has been collected once is passed over, and looked at again in a quiet hour."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from sampan.cluster import collector


@pytest.fixture
def resting() -> Iterator[None]:
    """As in a server, undone."""
    before = gc.get_threshold()
    with collector.resting():
        pass
    yield
    gc.set_threshold(*before)
    gc.callbacks.remove(collector._pass_over)
    gc.unfreeze()


class _Cycle:
    gone = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        _Cycle.gone += 1


def test_a_full_collection_passes_over_what_another_has_seen(resting: None) -> None:
    kept = [[number] for number in range(1000)]
    gc.collect()
    assert gc.get_freeze_count() > 1000
    assert not any(one is kept for one in gc.get_objects())


async def test_everything_is_looked_at_again_when_nobody_wants_anything(resting: None) -> None:
    waits, busy = list[float](), iter([0.0, 9.0, 9.0, 18.0, 18.0, 18.1])
    kept = [_Cycle()]
    gc.collect()
    _Cycle.gone = 0
    kept.clear()
    gc.collect()
    assert _Cycle.gone == 0

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if waits.count(3600.0) == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await collector.look_again(sleep, lambda: next(busy))
    assert _Cycle.gone == 1
    assert waits == [3600.0, 10.0, 10.0, 10.0, 3600.0]
