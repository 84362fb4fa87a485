"""Lifecycle hooks: postStart after a container's start, preStop before its end. Docs: "Container Lifecycle Hooks"."""

import asyncio

from sampan.kubelet.handlers import Handlers, Target
from sampan.machinery.meta import Object

NO_LIMIT = 24 * 3600.0


class HookFailed(Exception):
    """The hook did not succeed; str() says why."""


def hook_of(spec: Object, name: str) -> Object | None:
    """lifecycle.postStart or lifecycle.preStop."""
    hook: Object | None = (spec.get("lifecycle") or {}).get(name)
    return hook


async def run_hook(hook: Object, target: Target, handlers: Handlers, limit: float = NO_LIMIT) -> None:
    """Run a hook to its end, but at most `limit` seconds; raises HookFailed."""
    try:
        async with asyncio.timeout(limit):
            outcome = await handlers.run(hook, target, limit)
    except TimeoutError as error:
        raise HookFailed(f"did not end in {limit:g} s") from error
    if not outcome.success:
        raise HookFailed(outcome.message)
