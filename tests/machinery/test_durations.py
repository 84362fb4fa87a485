"""Durations as Go reads them."""

import pytest

from sampan.machinery.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("-2s", -2),
        ("+.5m", 30),
        ("3.s", 3),
        ("250ms", 0.25),
        ("1µs1ns", 1.001e-6),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", 'invalid duration ""'),
        ("soon", 'invalid duration "soon"'),
        (".s", 'invalid duration ".s"'),
        ("5", 'missing unit in duration "5"'),
        ("1hm", 'unknown unit "hm" in duration "1hm"'),
        ("9999999h", 'invalid duration "9999999h"'),
        ("\N{ARABIC-INDIC DIGIT ONE}h", 'invalid duration "\N{ARABIC-INDIC DIGIT ONE}h"'),
    ],
)
def test_what_is_none(text: str, why: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_duration(text)
    assert str(raised.value) == f"time: {why}"
