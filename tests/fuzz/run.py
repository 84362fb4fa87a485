"""A run against a control plane of its own: requests by chance over TLS, and what came of them.

    python -m tests.fuzz.run [--requests N] [--seed N]

Prints one JSON line: how many answers of which status, those that are faults, requests that had no answer in a minute,
and the server's memory every tenth of the way, in megabytes. `make fuzz` is a million of them.
"""

import argparse
import asyncio
import json
import ssl
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, randrange
from urllib.parse import urlencode

import uvloop

from benchmarks.stall import context, control_plane, resident
from sampan.transport.connection import HTTPClient
from tests.fuzz.answers import is_fault
from tests.fuzz.requests import NAMESPACE, Sent, request

CLIENTS = 16
PATIENCE = 60.0  # seconds
_SHOWN = 20


@dataclass
class Outcome:
    """What a run has seen."""

    seed: int
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    memory_mb: list[int] = field(default_factory=list)
    log: str = ""  # what the server wrote where it fell over

    @property
    def sent(self) -> int:
        """Requests that are over."""
        return self.statuses.total() + len(self.hung)


async def fuzz(port: int, pid: int, total: int, seed: int, trust: ssl.SSLContext) -> Outcome:
    """Send so many."""
    outcome, random = Outcome(seed), Random(seed)
    made = iter(lambda: request(random) if outcome.sent < total else None, None)
    clients = [HTTPClient(f"https://127.0.0.1:{port}", trust) for _ in range(CLIENTS)]
    body = json.dumps({"metadata": {"name": NAMESPACE}}).encode()

    async def some(client: HTTPClient) -> None:
        for sent in made:
            await _one(client, sent, outcome)
            if outcome.sent % max(total // 10, 1) == 0:
                outcome.memory_mb.append(resident(pid))
                await client.request("POST", "/api/v1/namespaces", {"content-type": "application/json"}, body)

    await clients[0].request("POST", "/api/v1/namespaces", {"content-type": "application/json"}, body)
    await asyncio.gather(*map(some, clients))
    for client in clients:
        await client.close()
    return outcome


async def _one(client: HTTPClient, sent: Sent, outcome: Outcome) -> None:
    target = f"{sent.path}?{urlencode(sent.query)}"
    headers = {"content-type": sent.content} if sent.content else {}
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await client.request(sent.method, target, headers, sent.body)
    except TimeoutError:
        outcome.hung.append(f"{sent}")
        return
    except (OSError, EOFError):  # the server has closed what it could not read: an answer of its own
        outcome.statuses[0] += 1
        return
    outcome.statuses[answer.status] += 1
    if is_fault(sent.method, answer.status, answer.body):
        outcome.faults.append(f"{answer.status} {answer.body[:500]!r} to {sent}")


def main() -> int:
    """Run and tell; how much was wrong, 100 at most."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=randrange(1 << 30))
    arguments = parser.parse_args()
    with control_plane() as (port, pid):
        outcome = uvloop.run(fuzz(port, pid, arguments.requests, arguments.seed, context()))
        if outcome.faults:
            outcome.log = Path(f"/proc/{pid}/fd/2").read_text(errors="replace")
    told = {"seed": outcome.seed, "requests": outcome.sent, "statuses": dict(sorted(outcome.statuses.items()))}
    wrong = {"faults": len(outcome.faults), "hung": len(outcome.hung)}
    print(json.dumps({**told, **wrong, "memory_mb": outcome.memory_mb}))
    for text in [*outcome.faults, *outcome.hung][:_SHOWN]:
        print(text, file=sys.stderr)
    print(*outcome.log.split("Traceback")[1 : 1 + _SHOWN], sep="Traceback", end="", file=sys.stderr)
    return min(sum(wrong.values()), 100)


if __name__ == "__main__":
    sys.exit(main())
