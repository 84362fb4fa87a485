"""How far the server's start is: told to its log and, by a pipe, to `sampan up`. Called by server.py and serving.py."""

import contextlib
import json
import logging
import os
import time

log = logging.getLogger("sampan")


class Steps:
    """Tells whoever started us how far we are: JSON lines on a pipe that may be closed at any time."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._began = time.monotonic()

    def done(self, step: str, error: str = "") -> None:
        """A step is done, so many seconds after the start."""
        seconds = round(time.monotonic() - self._began, 3)
        log.info("%s after %.3f s %s", step, seconds, error)
        if self._descriptor is not None:
            line = json.dumps({"step": step, "error": error}) + "\n"
            with contextlib.suppress(BrokenPipeError):
                os.write(self._descriptor, line.encode())

    def close(self) -> None:
        """No more steps."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
