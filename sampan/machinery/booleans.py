"""Booleans in query parameters."""

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


def is_true(value: str) -> bool:
    """Whether a parameter means true: Go's strconv.ParseBool."""
    return value in _TRUE
