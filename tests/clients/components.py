"""Upstream's components as processes: what they say of what they follow, and of what they complain."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conformance import programs

PATIENCE = 60.0


def component(name: str) -> Path:
    """One of upstream's programs; skips the test where nobody has built it."""
    binary = programs.built() / name
    if not binary.exists():
        pytest.skip(f"no {name}: `python -m tests.conformance --build {name}` builds it where there is Go")
    return binary


@asynccontextmanager
async def saying(binary: Path, *flags: str) -> AsyncIterator[asyncio.StreamReader]:
    """What a program says while it runs."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(binary, *flags, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    assert process.stdout
    try:
        async with asyncio.timeout(PATIENCE):
            yield process.stdout
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def followed(output: asyncio.StreamReader, synchronized: str, said: list[str]) -> None:
    """Read until nothing that it follows is missing: the same resources are populated that were asked for."""
    asked: set[str] = set()
    populated: set[str] = set()
    while not asked or asked - populated or not any(synchronized in line for line in said):
        line = (await output.readline()).decode()
        assert line, "\n".join(said)
        said.append(line)
        if found := re.search(r'"(Starting reflector|Caches populated)".* type="([^"]+)"', line):
            (asked if found[1].startswith("Starting") else populated).add(found[2])


def complaints(said: list[str], of_no_concern: tuple[str, ...]) -> list[str]:
    """Errors, what ended it, and reflectors that had to try again."""
    wrong = [line for line in said if line[:1] in "EF" or (line[:1] == "W" and "reflector" in line)]
    return [line for line in wrong if not any(words in line for words in of_no_concern)]
