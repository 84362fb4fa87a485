"""Arithmetic within 32 and 64 bits, where figures come from anywhere. Pure.

Upstream calculates in floating point and turns the result into an integer, which is as it happens where it does not
fit. Here what does not fit is the largest there is, as upstream has it of external metrics.
"""

import math

INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1


def int32(number: int) -> int:
    """The nearest that has 32 bits."""
    return max(-INT32_MAX - 1, min(number, INT32_MAX))


def int64(number: int) -> int:
    """The nearest that has 64 bits."""
    return max(-INT64_MAX - 1, min(number, INT64_MAX))


def ratio(amount: float, of: float) -> float:
    """As floating point has it: of nothing, something is infinite, and nothing is no number."""
    if of:
        return float(amount) / float(of)
    return math.nan if not amount else math.copysign(math.inf, amount)


def ceiling(number: float) -> int:
    """Rounded up to 32 bits; what is no number is none."""
    return int32(math.ceil(_finite(number)))


def ceiling64(number: float) -> int:
    """Rounded up to 64 bits."""
    return int64(math.ceil(_finite(number)))


def whole(number: float) -> int:
    """Without its fraction, in 32 bits."""
    return int32(math.trunc(_finite(number)))


def quotient(amount: int, by: int) -> int:
    """Integer division as Go has it: towards zero."""
    result = abs(amount) // abs(by)
    return result if (amount < 0) == (by < 0) else -result


def _finite(number: float) -> float:
    return 0.0 if math.isnan(number) else max(-1e300, min(number, 1e300))
