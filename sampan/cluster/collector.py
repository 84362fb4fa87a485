"""How often the garbage collector looks at what the server holds: seldom, and never again at what a start has made.

Most of what a server makes goes by its reference counts; what stays are code, kinds and cached objects, which a full
collection goes over in one piece, on the event loop. Called by server.py and serving.py, and by the benchmarks.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# The first is 700 by default: one request with large objects makes more. With the second, the middle generation has
# ten thousand objects, which takes a few milliseconds.
_THRESHOLDS = (2_000, 5, 10)


@contextmanager
def resting() -> Iterator[None]:
    """Collect nothing meanwhile: what is loaded stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.set_threshold(*_THRESHOLDS)
        settle()
        gc.enable()


def settle() -> None:
    """Pass over what is there now from now on."""
    gc.freeze()
