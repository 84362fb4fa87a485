"""A server that audits into a file, and what it has told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sampan.apiserver.audit.options import AuditOptions
from tests.apiserver.audit.test_policy import policy
from tests.apiserver.harness import API, running

QUIET = {"level": "None", "users": ["system:apiserver"]}  # what the server does for itself
Object = dict[str, Any]


class Audited(API):
    """An API whose audit log can be read."""

    log: Path

    def told(self, verb: str = "", stage: str = "ResponseComplete") -> list[Object]:
        """The events of a verb at a stage."""
        events = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [event for event in events if verb in ("", event["verb"]) and stage in ("", event["stage"])]

    def last(self, verb: str, stage: str = "ResponseComplete") -> Object:
        """The newest of them."""
        return self.told(verb, stage)[-1]

    async def wait_told(self, verb: str, stage: str = "ResponseComplete") -> Object:
        """The first of them, once it is written: what comes later is written after what came before."""
        await self.call("GET", "/version")
        return self.told(verb, stage)[0]


@asynccontextmanager
async def auditing(
    folder: Path, *rules: Object, options: Object | None = None, **policies: Any
) -> AsyncIterator[Audited]:
    """A server by these rules, behind one for itself."""
    (folder / "policy.yaml").write_bytes(policy(QUIET, *rules, **policies))
    paths = {"policy_file": str(folder / "policy.yaml"), "log_path": str(folder / "audit.log")}
    async with running(audit=AuditOptions(**{**paths, **(options or {})})) as api:
        audited = Audited(api.server)
        audited.log = folder / "audit.log"
        yield audited
