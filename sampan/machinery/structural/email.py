"""E-mail addresses as Go's net/mail reads them: `a@b.example`, `"a b"@c`, `Name <a@b>`. Called by formats.py."""

import re
from functools import cache

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_DOT_ATOM = rf"{_ATOM}(\.{_ATOM})*+"
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e\t])*+"'
_LITERAL = r"\[[^\[\]\\\x00-\x20\x7f]*\]"
_ADDRESS = rf"({_DOT_ATOM}|{_QUOTED})@({_DOT_ATOM}|{_LITERAL})"
_WORD = rf"(?:{_DOT_ATOM}|{_QUOTED})"

_PHRASE = rf"{_WORD}(?:[ \t]+{_WORD})*+"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _is_address(value: str) -> bool:
    return _compiled(_ADDRESS).fullmatch(value) is not None


def is_email(value: str) -> bool:
    """Whether a text is one address, with or without a display name."""
    bare = value.strip(" \t")
    if not bare.endswith(">"):
        return _is_address(bare)
    name, angle, address = bare[:-1].rpartition("<")
    if not angle or not _is_address(address.strip(" \t")):
        return False
    return not name.strip(" \t") or _compiled(_PHRASE).fullmatch(name.strip(" \t")) is not None
