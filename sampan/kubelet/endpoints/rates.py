"""How fast counters grow: what they were when they were last looked at, and what they are now. Pure."""

from collections.abc import Mapping

_LEAST = 1_000_000_000  # nanoseconds between two looks that are compared; a shorter while says little

Look = tuple[int, int]  # when (nanoseconds since 1970), and the counter then


class Rates:
    """Keeps two looks at each counter that there is."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Look, int | None]] = {}

    def take(self, looks: Mapping[str, Look]) -> dict[str, int]:
        """Growth per second of each counter that has been seen before. Counters that are not named are forgotten."""
        self._known = {key: self._next(key, look) for key, look in looks.items()}
        return {key: rate for key, (_, rate) in self._known.items() if rate is not None}

    def _next(self, key: str, look: Look) -> tuple[Look, int | None]:
        if key not in self._known:
            return look, None
        (before, counter), rate = self._known[key]
        if look[0] - before < _LEAST:
            return (before, counter), rate
        return look, max(look[1] - counter, 0) * 1_000_000_000 // (look[0] - before)
