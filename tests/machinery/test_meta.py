"""Times as metadata has them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sampan.machinery.meta import format_micro_time, format_time, later, parse_time

EAST = timezone(timedelta(hours=5))


def test_times_are_utc_with_four_digits_of_the_year() -> None:
    assert format_time(datetime(1, 1, 2, 5, 0, 2, 999, EAST)) == "0001-01-02T00:00:02Z"
    assert format_micro_time(datetime(2026, 11, 25, 5, tzinfo=EAST)) == "2026-11-25T00:00:00.000000Z"
    first = datetime(1, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert parse_time(format_micro_time(first)) == first


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(5, "2026-01-01T00:00:05Z"), (2**63 - 1, "9999-12-31T23:59:59Z"), (-(2**63), "0001-01-01T00:00:00Z")],
)
def test_any_number_of_seconds_later(seconds: int, expected: str) -> None:
    assert format_time(later(datetime(2026, 1, 1, tzinfo=UTC), seconds)) == expected
