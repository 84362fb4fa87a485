"""/healthz: whether the kubelet works, as a whole or one check of it.

Form: k8s.io/apiserver/pkg/server/healthz. Which check fails is told, why is only logged.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import parse_qs

from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.endpoints.answers import NOT_FOUND, HTTPError, text
from sampan.transport.messages import Reply, Request

log = logging.getLogger(__name__)

_TIMEOUT = 5.0  # seconds for the runtime to answer
Check = Callable[[], Awaitable[None]]


class Health:
    """The endpoint of one kubelet."""

    def __init__(self, context: KubeletContext) -> None:
        self._context = context
        self._checks: Mapping[str, Check] = {"ping": _ping, "log": _ping, "syncloop": self._sync_loop}

    async def serve(self, request: Request, rest: Sequence[str]) -> Reply:
        """/healthz[/check]; raises HTTPError."""
        query = parse_qs(request.raw_query, keep_blank_values=True)
        wanted = "/".join(rest)
        if wanted:
            if wanted not in self._checks:
                raise HTTPError(404, NOT_FOUND)
            if not await self._passes(wanted):
                raise HTTPError(500, "internal server error: reason withheld\n")
            return text("ok")
        excluded = set(query.get("exclude", []))
        lines = [await self._line(name, name in excluded) for name in self._checks]
        if any(line.startswith("[-]") for line in lines):
            raise HTTPError(500, "".join(lines) + "healthz check failed\n")
        return text("".join(lines) + "healthz check passed\n" if "verbose" in query else "ok")

    async def _line(self, name: str, excluded: bool) -> str:
        if excluded:
            return f"[+]{name} excluded: ok\n"
        return f"[+]{name} ok\n" if await self._passes(name) else f"[-]{name} failed: reason withheld\n"

    async def _passes(self, name: str) -> bool:
        try:
            await self._checks[name]()
        except CRIError as error:
            log.warning("the check %s failed: %s", name, error)
            return False
        return True

    async def _sync_loop(self) -> None:
        """Without a runtime that answers, no pod's worker gets anywhere."""
        await self._context.cri.version(_TIMEOUT)


async def _ping() -> None:
    """Whoever answers is there."""
