"""Whose turn it is, where many do the same once in a period: evenly over it, so that nobody notices. Pure.

    rota = Rota(5000, period=10.0, now=clock.monotonic())
    rota.due(clock.monotonic())    # 50 of them, a tenth of a second later

Called by heartbeats.py.
"""


class Rota:
    """`count` members, each of whom has a turn in every period."""

    def __init__(self, count: int, period: float, now: float) -> None:
        self._count = count
        self._period = period
        self._began = now
        self._done = 0  # turns

    def due(self, now: float) -> list[int]:
        """Whose turns have come since the last time, each once however long that was ago."""
        if not self._count:
            return []
        wanted = int((now - self._began) * self._count / self._period) + 1
        first, self._done = max(self._done, wanted - self._count), max(wanted, self._done)
        return [turn % self._count for turn in range(first, self._done)]

    def pause(self, now: float, least: float) -> float:
        """Seconds until the next turn, but not fewer than `least`: turns are taken several at once."""
        if not self._count:
            return self._period
        return max(self._began + self._done * self._period / self._count - now, least)
