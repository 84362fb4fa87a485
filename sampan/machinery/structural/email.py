"""E-mail addresses as Go's net/mail reads them: `a@b.example`, `"a b"@c`, `Name <a@b>`. Called by formats.py."""

import re

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_DOT_ATOM = rf"{_ATOM}(\.{_ATOM})*+"
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e\t])*+"'
_LITERAL = r"\[[^\[\]\\\x00-\x20\x7f]*\]"
_ADDRESS = rf"({_DOT_ATOM}|{_QUOTED})@({_DOT_ATOM}|{_LITERAL})"
_WORD = rf"(?:{_DOT_ATOM}|{_QUOTED})"

_is_address = re.compile(_ADDRESS).fullmatch
_is_phrase = re.compile(rf"{_WORD}(?:[ \t]+{_WORD})*+").fullmatch


def is_email(value: str) -> bool:
    """Whether a text is one address, with or without a display name."""
    bare = value.strip(" \t")
    if not bare.endswith(">"):
        return _is_address(bare) is not None
    name, angle, address = bare[:-1].rpartition("<")
    if not angle or _is_address(address.strip(" \t")) is None:
        return False
    return not name.strip(" \t") or _is_phrase(name.strip(" \t")) is not None
