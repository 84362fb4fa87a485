"""Doing something again and again: what a cluster's own objects need, as anybody may delete them.

Called by the API server for the objects of its bootstrap.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from sampan.machinery.errors import APIError

log = logging.getLogger(__name__)

INTERVAL = 10.0  # seconds, upstream's for Service default/kubernetes


async def keep_restored(restore: Callable[[], Awaitable[None]], sleep: Callable[[float], Awaitable[None]]) -> NoReturn:
    """Call `restore` every INTERVAL seconds until cancelled; what the API refuses is logged, and tried again."""
    while True:
        await sleep(INTERVAL)
        try:
            await restore()
        except APIError as error:
            log.warning("the cluster's own objects can't be restored: %s", error)
        except Exception:
            log.exception("restoring the cluster's own objects failed")
