"""Waits between restarts, and how Go writes durations."""

from datetime import timedelta

import pytest

from sampan.kubelet.backoff import RestartBackoff, go_duration
from tests.kubelet.pods import NOW


def test_waits_double_to_five_minutes() -> None:
    table, waits, moment = RestartBackoff(), [], NOW
    for _ in range(7):
        table.advance("k", moment)
        waits.append(table.wait("k").total_seconds())
        moment += table.wait("k")
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_the_first_failure_waits_for_nothing() -> None:
    table = RestartBackoff()
    assert table.until("k", NOW) is None
    table.advance("k", NOW)
    assert table.until("k", NOW) == NOW + timedelta(seconds=10)


def test_ten_quiet_minutes_begin_anew() -> None:
    table = RestartBackoff()
    table.advance("k", NOW)
    later = NOW + timedelta(minutes=11)
    assert table.until("k", later) is None
    table.advance("k", later)
    assert table.wait("k").total_seconds() == 10


def test_keys_are_apart_and_can_be_forgotten() -> None:
    table = RestartBackoff()
    table.advance("a", NOW)
    assert table.until("b", NOW) is None
    table.forget("a")
    assert table.until("a", NOW) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.523, "523ms"), (1.2, "1.2s"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3661.5, "1h1m1.5s")],
)
def test_go_durations(seconds: float, text: str) -> None:
    assert go_duration(timedelta(seconds=seconds)) == text
