"""The built-in pause image: what holds a pod's namespaces while its containers come and go.

Built in, so that a machine without a network can start pods. The program is some hundred bytes of machine code
(tools/pause/*.s) in a hand-made ELF file, for x86-64 and AArch64: it blocks all signals, then waits for them one by
one; INT and TERM end it, CHLD makes it reap what a shared PID namespace left behind. Blocked signals are queued even
for process 1, whose default action is to ignore them (pid_namespaces(7)), so no handlers are needed. containerd.py
imports the image.
"""

import json
import platform
import struct
from pathlib import Path

from sampan.cluster.oci import File, archive, layer

PAUSE_IMAGE = "sampan.internal/pause:1"

_CODE = Path(__file__).parent / "data" / "pause.json"  # made by `make pause`
_ELF_NUMBERS = {"x86_64": 62, "aarch64": 183}  # of processors

_EXECUTABLE, _LOAD, _READ_EXECUTE = 2, 1, 5  # ET_EXEC, PT_LOAD, PF_R | PF_X
_LOAD_ADDRESS = 0x400000
_LARGEST_PAGE = 0x10000
_ELF_HEADER, _PROGRAM_HEADER = 64, 56


class UnsupportedArchitecture(Exception):
    """There is no pause program for this machine's processor."""


def pause_program(machine: str = "") -> bytes:
    """The static ELF executable for a machine (uname's word; "" is this one); raises UnsupportedArchitecture."""
    machine = machine or platform.machine()
    if machine not in _ELF_NUMBERS:
        known = list(_ELF_NUMBERS)
        raise UnsupportedArchitecture(f"the built-in pause image has no program for {machine}, only {known}")
    code = json.loads(_CODE.read_text())[machine]["code"]
    return _elf(bytes.fromhex(code), _ELF_NUMBERS[machine])


def pause_archive() -> bytes:
    """The image as an archive for `ctr images import`; the same bytes every time."""
    return archive(PAUSE_IMAGE, [layer({"pause": File(pause_program(), 0o755)})], {"Entrypoint": ["/pause"]})


def _elf(code: bytes, machine: int) -> bytes:
    """An executable of one readable and executable segment: header, program header, code (elf(5))."""
    start = _ELF_HEADER + _PROGRAM_HEADER
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bit, little-endian, version 1, System V
    entry, sections = _LOAD_ADDRESS + start, 0
    places = (entry, _ELF_HEADER, sections)
    sizes = (_ELF_HEADER, _PROGRAM_HEADER, 1, 0, 0, 0)  # one program header, no sections
    header = struct.pack("<16sHHIQQQIHHHHHH", identity, _EXECUTABLE, machine, 1, *places, 0, *sizes)
    size = start + len(code)
    span = (0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, _LARGEST_PAGE)
    segment = struct.pack("<IIQQQQQQ", _LOAD, _READ_EXECUTE, *span)
    return header + segment + code
