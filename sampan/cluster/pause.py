"""The built-in pause image: what holds a pod's namespaces while its containers come and go.

Built in, so that a machine without a network can start pods. The program is 98 bytes of x86-64 code in a hand-made ELF
file: it blocks all signals, then waits for them one by one; INT and TERM end it, CHLD makes it reap what a shared PID
namespace left behind. Blocked signals are queued even for process 1, whose default action is to ignore them
(pid_namespaces(7)), so no handlers are needed. containerd.py imports the image.
"""

import platform
import struct

from sampan.cluster.oci import File, archive, layer

PAUSE_IMAGE = "sampan.internal/pause:1"

# One instruction per line; the comment is the source (Intel syntax).
_X86_64 = bytes.fromhex(
    "488d3553000000"  # start: lea rsi, [rip+set]
    "31ff"  #               xor edi, edi            SIG_BLOCK
    "31d2"  #               xor edx, edx
    "6a08"  #               push 8                  the size of a signal set
    "415a"  #               pop r10
    "6a0e"  #               push 14                 rt_sigprocmask
    "58"  #                 pop rax
    "0f05"  #               syscall
    "488d3d3f000000"  # next: lea rdi, [rip+set]
    "31f6"  #               xor esi, esi
    "31d2"  #               xor edx, edx            no time limit
    "6a08"  #               push 8
    "415a"  #               pop r10
    "b880000000"  #         mov eax, 128            rt_sigtimedwait
    "0f05"  #               syscall
    "83f802"  #             cmp eax, 2              SIGINT
    "7422"  #               je done
    "83f80f"  #             cmp eax, 15             SIGTERM
    "741d"  #               je done
    "83f811"  #             cmp eax, 17             SIGCHLD
    "75db"  #               jne next
    "bfffffffff"  # reap:   mov edi, -1             any child
    "31f6"  #               xor esi, esi
    "6a01"  #               push 1                  WNOHANG
    "5a"  #                 pop rdx
    "4531d2"  #             xor r10d, r10d
    "6a3d"  #               push 61                 wait4
    "58"  #                 pop rax
    "0f05"  #               syscall
    "85c0"  #               test eax, eax
    "7fea"  #               jg reap
    "ebc3"  #               jmp next
    "31ff"  # done:         xor edi, edi
    "b8e7000000"  #         mov eax, 231            exit_group
    "0f05"  #               syscall
    "ffffffffffffffff"  # set: every signal
)

_LOAD_ADDRESS = 0x400000
_ELF_HEADER, _PROGRAM_HEADER = 64, 56


class UnsupportedArchitecture(Exception):
    """There is no pause program for this machine's processor."""


def pause_program() -> bytes:
    """The static ELF executable for this machine; raises UnsupportedArchitecture."""
    if platform.machine() != "x86_64":
        raise UnsupportedArchitecture(f"the built-in pause image has no program for {platform.machine()}, only x86_64")
    return _elf(_X86_64, machine=62)


def pause_archive() -> bytes:
    """The image as an archive for `ctr images import`; the same bytes every time."""
    return archive(PAUSE_IMAGE, [layer({"pause": File(pause_program(), 0o755)})], {"Entrypoint": ["/pause"]})


def _elf(code: bytes, machine: int) -> bytes:
    """An executable of one readable and executable segment: header, program header, code (elf(5))."""
    start = _ELF_HEADER + _PROGRAM_HEADER
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bit, little-endian, version 1, System V
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        identity,
        2,  # ET_EXEC
        machine,
        1,
        _LOAD_ADDRESS + start,  # entry
        _ELF_HEADER,  # where the program header is
        0,  # no sections
        0,
        _ELF_HEADER,
        _PROGRAM_HEADER,
        1,
        0,
        0,
        0,
    )
    size = start + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000)  # PT_LOAD, R+X
    return header + segment + code
