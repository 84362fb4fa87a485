"""Waits between restarts and between image pulls: 10 s doubling to 5 min, forgotten after 10 quiet minutes.

Upstream's rule (client-go util/flowcontrol Backoff as the kubelet uses it): the first failure is retried at once, and
starts the clock for the second. Pure data; plan.py asks, worker.py advances.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

FIRST = timedelta(seconds=10)
LONGEST = timedelta(minutes=5)


@dataclass(slots=True)
class _Entry:
    wait: timedelta
    updated: datetime


@dataclass(slots=True)
class RestartBackoff:
    """One table for many keys."""

    first: timedelta = FIRST
    longest: timedelta = LONGEST
    _entries: dict[str, _Entry] = field(default_factory=dict)

    def wait(self, key: str) -> timedelta:
        """The present wait of a key; zero where nothing has failed."""
        entry = self._entries.get(key)
        return entry.wait if entry else timedelta(0)

    def until(self, key: str, event: datetime) -> datetime | None:
        """When a try after `event` (the last failure's time) is allowed; None: now."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, event):
            return None
        return event + entry.wait

    def advance(self, key: str, now: datetime) -> None:
        """A try is made: the next failure waits twice as long."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, now):
            self._entries[key] = _Entry(self.first, now)
        else:
            self._entries[key] = _Entry(min(entry.wait * 2, self.longest), now)

    def forget(self, key: str) -> None:
        """A success: begin anew."""
        self._entries.pop(key, None)

    def _expired(self, entry: _Entry, moment: datetime) -> bool:
        return moment - entry.updated > self.longest * 2


def go_duration(span: timedelta) -> str:
    """A duration as Go prints it: 10s, 1m20s, 5m0s, 523ms, 1.2s; nothing finer than milliseconds."""
    milliseconds = span // timedelta(milliseconds=1)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
