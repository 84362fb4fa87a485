"""What Go's encoding/json says of a body that is no JSON.

A small scanner over bytes already known to be broken; it finds the first bad byte and the state that it was found in.
Called by jsonio.py only. Texts: encoding/json (SyntaxError).
"""

import re

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"')
_STRING_PART = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERALS = (b"true", b"false", b"null")

END = "unexpected end of JSON input"
_VALUE = "looking for beginning of value"
_KEY = "looking for beginning of object key string"


class _Broken(Exception):
    """The message, found."""


def syntax_error(body: bytes) -> str:
    """The message for a body that does not parse."""
    try:
        at = _skip_value(body, 0)
        at = _space(body, at)
        if at < len(body):
            return _invalid(body, at, "after top-level value")
    except _Broken as broken:
        return str(broken)
    except RecursionError:
        return "exceeded max depth"
    # Syntactically sound, yet refused: bytes that are not UTF-8, a lone surrogate, or too deep a tree.
    return "invalid UTF-8 or nesting in JSON input"


def _invalid(body: bytes, at: int, context: str) -> str:
    """What is wrong there; in numbers and literals, the end of the body is a space."""
    if at >= len(body):
        return f"invalid character ' ' {context}"
    return f"invalid character {_quote(body[at])} {context}"


def _quote(byte: int) -> str:
    if byte == ord("'"):
        return r"'\''"
    if byte == ord('"'):
        return "'\"'"
    named = {7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r", 92: "\\\\"}
    if byte in named:
        return f"'{named[byte]}'"
    return f"'{chr(byte)}'" if 32 <= byte < 127 or byte > 160 else rf"'\x{byte:02x}'"


def _space(body: bytes, at: int) -> int:
    found = _SPACE.match(body, at)
    return found.end() if found else at


def _expect(body: bytes, at: int, wanted: bytes, context: str) -> int:
    """The place after one of the wanted bytes, white space before it skipped."""
    at = _space(body, at)
    if at >= len(body):
        raise _Broken(END)
    if body[at : at + 1] not in (wanted[i : i + 1] for i in range(len(wanted))):
        raise _Broken(_invalid(body, at, context))
    return at + 1


def _skip_value(body: bytes, at: int) -> int:
    at = _space(body, at)
    if at >= len(body):
        raise _Broken(END)
    first = body[at : at + 1]
    if first == b"{":
        return _skip_object(body, at + 1)
    if first == b"[":
        return _skip_array(body, at + 1)
    if first == b'"':
        return _skip_string(body, at)
    if first in b"-0123456789":
        return _skip_number(body, at)
    return _skip_literal(body, at)


def _skip_object(body: bytes, at: int) -> int:
    at = _space(body, at)
    if body[at : at + 1] == b"}":
        return at + 1
    while True:
        _expect(body, at, b'"', _KEY)
        at = _skip_string(body, _space(body, at))
        at = _expect(body, at, b":", "after object key")
        at = _skip_value(body, at)
        at = _expect(body, at, b",}", "after object key:value pair")
        if body[at - 1 : at] == b"}":
            return at


def _skip_array(body: bytes, at: int) -> int:
    at = _space(body, at)
    if body[at : at + 1] == b"]":
        return at + 1
    while True:
        at = _skip_value(body, at)
        at = _expect(body, at, b",]", "after array element")
        if body[at - 1 : at] == b"]":
            return at


def _skip_string(body: bytes, at: int) -> int:
    found = _STRING.match(body, at)
    if found:
        return found.end()
    part = _STRING_PART.match(body, at)
    end = part.end() if part else at + 1
    if end >= len(body) or (body[end : end + 1] == b"\\" and end + 1 >= len(body)):
        raise _Broken(END)
    if body[end : end + 1] != b"\\":
        raise _Broken(_invalid(body, end, "in string literal"))
    if body[end + 1 : end + 2] != b"u":
        raise _Broken(_invalid(body, end + 1, "in string escape code"))
    for digit in range(end + 2, end + 6):
        if digit >= len(body):
            raise _Broken(END)
        if body[digit : digit + 1] not in b"0123456789abcdefABCDEF":
            raise _Broken(_invalid(body, digit, "in \\u hexadecimal character escape"))
    raise _Broken(END)


def _skip_number(body: bytes, at: int) -> int:
    found = _NUMBER.match(body, at)
    if found is None:
        raise _Broken(_invalid(body, at + 1, "in numeric literal"))
    end = found.end()
    rest = body[end : end + 2]
    if rest[:1] == b"." or rest[:1] in (b"e", b"E"):
        context = "after decimal point in numeric literal" if rest[:1] == b"." else "in exponent of numeric literal"
        raise _Broken(_invalid(body, end + 1, context))
    return end


def _skip_literal(body: bytes, at: int) -> int:
    wanted = next((literal for literal in _LITERALS if literal[:1] == body[at : at + 1]), None)
    if wanted is None:
        raise _Broken(_invalid(body, at, _VALUE))
    for offset, byte in enumerate(wanted):
        if body[at + offset : at + offset + 1] != bytes((byte,)):
            context = f"in literal {wanted.decode()} (expecting '{chr(byte)}')"
            raise _Broken(_invalid(body, at + offset, context))
    return at + len(wanted)
