"""PEM (RFC 7468) as Go reads it: which blocks a text holds, and what lies between them is passed over.

The rules are those of Go's encoding/pem, because what it takes for a block decides what upstream accepts. Called for
requests, certificates and trust bundles; cryptography's own loaders skip blocks of other types, which is too kind here.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import NamedTuple

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"\n-----END ", b"-----"


class Block(NamedTuple):
    """One block."""

    type: str  # CERTIFICATE
    has_headers: bool
    data: bytes


def blocks(text: bytes) -> Iterator[Block]:
    """The blocks of a text, in linear time. What is no whole block is skipped."""
    start = position = 0
    while (end := text.find(_END, position)) >= 0:
        # the last BEGIN before an END: repeated ones have lost theirs
        begin = text.rfind(_BEGIN, position, end)
        position = end + len(_END)
        if begin < 0 or (begin > start and text[begin - 1] != ord("\n")):
            continue
        if block := _block(text, begin, end):
            yield block
            position = start = _next_line(text, position)


def encode(type_: str, data: bytes) -> bytes:
    """One block as text."""
    encoded = base64.b64encode(data)
    lines = b"".join(encoded[at : at + 64] + b"\n" for at in range(0, len(encoded), 64))
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (type_.encode(), lines, type_.encode())


def _block(text: bytes, begin: int, end: int) -> Block | None:
    line, body = _line(text, begin)
    name = line[len(_BEGIN) :]
    if not name.endswith(_DASHES):
        return None
    last, _ = _line(text, end + 1)
    if last != _END[1:] + name:
        return None
    headers = body
    while body < end and b":" in _line(text, body)[0]:
        body = _next_line(text, body)
    if body > max(headers, end):  # no line between headers and END
        return None
    try:
        data = base64.b64decode(text[body : max(body, end)].translate(None, b" \t\r\n"), validate=True)
    except binascii.Error:
        return None
    return Block(name[: -len(_DASHES)].decode(errors="replace"), body > headers, data)


def _line(text: bytes, at: int) -> tuple[bytes, int]:
    """The line that begins here, without the space at its end, and where the next one begins."""
    after = _next_line(text, at)
    return text[at:after].removesuffix(b"\n").removesuffix(b"\r").rstrip(b" \t"), after


def _next_line(text: bytes, at: int) -> int:
    found = text.find(b"\n", at)
    return len(text) if found < 0 else found + 1
