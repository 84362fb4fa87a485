"""The values that literals of strings, bytes and numbers stand for. Upstream: cel-go parser/unescape.go, parser.go."""

import re

from sampan.machinery.cel.values import INT_MAX, INT_MIN, UINT_MAX, UInt

_ESCAPE = re.compile(r"\\([0-3][0-7]{2}|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class LiteralError(ValueError):
    """A literal without a value; str() is what to report."""


def string(text: str) -> str:
    """The string of a literal with its quotes."""
    raw = text[0] in "rR"
    body = _unquoted(text[1:] if raw else text)
    return body if raw else _ESCAPE.sub(_character, body)


def bytestring(text: str) -> bytes:
    """The bytes of a literal `b'...'`: octal and hexadecimal escapes are bytes, all else is UTF-8."""
    raw = text[1] in "rR"
    body = _unquoted(text[2:] if raw else text[1:])
    if raw:
        return body.encode()
    parts, at = [], 0
    for match in _ESCAPE.finditer(body):
        parts.append(body[at : match.start()].encode())
        parts.append(_byte(match))
        at = match.end()
    return b"".join([*parts, body[at:].encode()])


def _unquoted(text: str) -> str:
    width = 3 if len(text) >= 6 and text[:3] in ('"""', "'''") else 1
    return text[width:-width].replace("\r\n", "\n").replace("\r", "\n")


def _character(match: re.Match[str]) -> str:
    escape = match[1]
    if escape[0] in "xXuU":
        return _code_point(int(escape[1:], 16))
    if len(escape) == 3:
        return _code_point(int(escape, 8))
    return _SIMPLE.get(escape, escape)


def _code_point(number: int) -> str:
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise LiteralError("invalid unicode code point")
    return chr(number)


def _byte(match: re.Match[str]) -> bytes:
    escape = match[1]
    if escape[0] in "uU":
        raise LiteralError("unable to unescape string")
    if escape[0] in "xX":
        return bytes((int(escape[1:], 16),))
    if len(escape) == 3:
        return bytes((int(escape, 8),))
    return _SIMPLE.get(escape, escape).encode()


def integer(text: str) -> int:
    """An int literal, perhaps with a sign."""
    digits = text.lstrip("-")
    value = _whole(digits) * (-1 if text.startswith("-") else 1)
    if not INT_MIN <= value <= INT_MAX:
        raise LiteralError("invalid int literal")
    return value


def unsigned(text: str) -> UInt:
    """A uint literal, `12u`."""
    value = _whole(text[:-1])
    if value > UINT_MAX:
        raise LiteralError("invalid uint literal")
    return UInt(value)


def _whole(digits: str) -> int:
    if len(digits) > 64:  # far beyond 64 bits, unless it is zeros
        digits = digits.lstrip("0")[:64] or "0"
    return int(digits, 16) if digits.startswith("0x") else int(digits)


def double(text: str) -> float:
    """A double literal."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise LiteralError("invalid double literal")
    return value
