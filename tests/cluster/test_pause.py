"""The pause programs are what their sources say."""

import json
import struct

import pytest

from sampan.cluster.pause import pause_program
from tools.pause.assemble import MACHINES, TARGET, assemble, assembler, source_hash


def code(machine: str) -> bytes:
    return bytes.fromhex(json.loads(TARGET.read_text())[machine]["code"])


@pytest.mark.parametrize("machine", MACHINES)
def test_the_sources_have_not_changed_since_they_were_assembled(machine: str) -> None:
    assert json.loads(TARGET.read_text())[machine]["source"] == source_hash(machine)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_code_is_what_the_sources_assemble_to(machine: str) -> None:
    if assembler(machine) is None:
        pytest.skip(f"no assembler for {machine}")
    assert assemble(machine) == code(machine)


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 62), ("aarch64", 183)])
def test_the_executable(machine: str, number: int) -> None:
    """elf(5): one segment, loaded from the file's start, entered where the code begins."""
    program = pause_program(machine)
    kind, processor, entry = struct.unpack_from("<HH4xQ", program, 16)
    assert (program[:4], kind, processor) == (b"\x7fELF", 2, number)
    (address,) = struct.unpack_from("<Q", program, 64 + 16)
    assert program[entry - address :] == code(machine)
