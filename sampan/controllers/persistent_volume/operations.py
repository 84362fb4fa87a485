"""What takes its time, beside the queue: one operation of a name at once, as tasks of a controller.

Called by controller.py: deleting and emptying volumes must not hold up binding. An operation that fails is logged and
over; whoever started it starts it again.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from sampan.machinery.errors import APIError

log = logging.getLogger(__name__)


class Operations:
    """Started by name, run while `run` runs."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._running: set[str] = set()

    async def run(self) -> None:
        """Be there for operations until cancelled, which ends them."""
        async with asyncio.TaskGroup() as self._group:
            await asyncio.Event().wait()

    def start(self, name: str, operation: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have it done, unless one of that name is under way."""
        if self._group is not None and name not in self._running:
            self._running.add(name)
            self._group.create_task(self._guarded(name, operation), name=name)

    async def _guarded(self, name: str, operation: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await operation()
        except (APIError, OSError) as error:
            log.info("%s failed, to be tried again: %s", name, error)
        except Exception:
            log.exception("%s failed", name)
        finally:
            self._running.discard(name)
