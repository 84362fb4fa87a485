"""The table that `sampan up` prints: each step with the time it took, so that together they are the whole."""

import os
import time

from sampan.cli.status import uptime


class StepTable:
    """Begins when this process did, not when Python got to us: that time is the user's, too."""

    def __init__(self) -> None:
        self._began = self._last = round(time.monotonic() - uptime(os.getpid()), 2)

    def line(self, step: str) -> None:
        """A step is done: print it, with the time since the one before it."""
        before, self._last = self._last, round(time.monotonic(), 2)
        print(f"  {step:<42} {self._last - before:6.2f} s", flush=True)

    @property
    def total(self) -> float:
        """From the beginning to the last line: the sum of all lines."""
        return self._last - self._began
