"""The built-in pause image: what holds a pod's namespaces while its containers come and go.

Built in, so that a machine without a network can start pods. The program is some hundred bytes of machine code in a
hand-made ELF file, for x86-64 and AArch64: it blocks all signals, then waits for them one by one; INT and TERM end it,
CHLD makes it reap what a shared PID namespace left behind. Blocked signals are queued even for process 1, whose default
action is to ignore them (pid_namespaces(7)), so no handlers are needed. containerd.py imports the image.
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

# The same for AArch64, one word per instruction.
_AARCH64 = struct.pack(
    "<30Iq",
    0xD2800000,  # start: mov x0, #0               SIG_BLOCK
    0x100003A1,  #        adr x1, set
    0xD2800002,  #        mov x2, #0
    0xD2800103,  #        mov x3, #8               the size of a signal set
    0xD28010E8,  #        mov x8, #135             rt_sigprocmask
    0xD4000001,  #        svc #0
    0x10000300,  # next:  adr x0, set
    0xD2800001,  #        mov x1, #0
    0xD2800002,  #        mov x2, #0               no time limit
    0xD2800103,  #        mov x3, #8
    0xD2801128,  #        mov x8, #137             rt_sigtimedwait
    0xD4000001,  #        svc #0
    0x7100081F,  #        cmp w0, #2               SIGINT
    0x540001C0,  #        b.eq done
    0x71003C1F,  #        cmp w0, #15              SIGTERM
    0x54000180,  #        b.eq done
    0x7100441F,  #        cmp w0, #17              SIGCHLD
    0x54FFFEA1,  #        b.ne next
    0x92800000,  # reap:  mov x0, #-1              any child
    0xD2800001,  #        mov x1, #0
    0xD2800022,  #        mov x2, #1               WNOHANG
    0xD2800003,  #        mov x3, #0
    0xD2802088,  #        mov x8, #260             wait4
    0xD4000001,  #        svc #0
    0x7100001F,  #        cmp w0, #0
    0x54FFFF2C,  #        b.gt reap
    0x17FFFFEC,  #        b next
    0xD2800000,  # done:  mov x0, #0
    0xD2800BC8,  #        mov x8, #94              exit_group
    0xD4000001,  #        svc #0
    -1,  # set: every signal
)

_PROGRAMS = {"x86_64": (_X86_64, 62), "aarch64": (_AARCH64, 183)}  # with ELF's number of the machine

_EXECUTABLE, _LOAD, _READ_EXECUTE = 2, 1, 5  # ET_EXEC, PT_LOAD, PF_R | PF_X
_LOAD_ADDRESS = 0x400000
_LARGEST_PAGE = 0x10000
_ELF_HEADER, _PROGRAM_HEADER = 64, 56


class UnsupportedArchitecture(Exception):
    """There is no pause program for this machine's processor."""


def pause_program(machine: str = "") -> bytes:
    """The static ELF executable for a machine (uname's word; "" is this one); raises UnsupportedArchitecture."""
    machine = machine or platform.machine()
    if machine not in _PROGRAMS:
        raise UnsupportedArchitecture(f"the built-in pause image has no program for {machine}, only {list(_PROGRAMS)}")
    return _elf(*_PROGRAMS[machine])


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
