"""Upstream's scheduler and controller manager, with their default settings (protobuf), find all that they follow here.

Their work on it is not looked at: only that they list and watch everything, and have nothing to complain of.
"""

import asyncio
import re
from pathlib import Path

import pytest

from tests.apiserver.harness import API
from tests.conformance import programs

FLAGS = ("--leader-elect=false", "--secure-port=0", "--v=3")
# What is said when all that is followed is there.
SYNCHRONIZED = {"kube-scheduler": "Caches populated", "kube-controller-manager": "Caches are synced"}
OF_NO_CONCERN = "The manifest file is empty"  # of a file of feature versions, not of the API
PATIENCE = 60.0


@pytest.mark.parametrize("name", SYNCHRONIZED)
async def test_it_follows_everything_without_complaint(name: str, tls: API, config: Path) -> None:
    binary = programs.built() / name
    if not binary.exists():
        pytest.skip(f"no {name}: `python -m tests.conformance --build {name}` builds it where there is Go")
    pipe = asyncio.subprocess.PIPE
    flags = (*FLAGS, f"--kubeconfig={config}")
    process = await asyncio.create_subprocess_exec(binary, *flags, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    assert process.stdout
    said: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            await followed(process.stdout, name, said)
    finally:
        process.terminate()
        await process.communicate()
    assert complaints(said) == []


async def followed(output: asyncio.StreamReader, name: str, said: list[str]) -> None:
    """Read until nothing that it follows is missing: the same resources are populated that were asked for."""
    asked: set[str] = set()
    populated: set[str] = set()
    while not asked or asked - populated or not any(SYNCHRONIZED[name] in line for line in said):
        line = (await output.readline()).decode()
        assert line, "\n".join(said)
        said.append(line)
        if found := re.search(r'"(Starting reflector|Caches populated)".* type="([^"]+)"', line):
            (asked if found[1].startswith("Starting") else populated).add(found[2])


def complaints(said: list[str]) -> list[str]:
    """Errors, what ended it, and reflectors that had to try again."""
    wrong = [line for line in said if line[:1] in "EF" or (line[:1] == "W" and "reflector" in line)]
    return [line for line in wrong if OF_NO_CONCERN not in line]
