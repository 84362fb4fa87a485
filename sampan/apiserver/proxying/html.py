"""HTML with its links rewritten, while it passes: only the values of attributes that are URLs are touched. Pure.

Which attributes: k8s.io/apimachinery/pkg/util/proxy (transport.go), from HTML 4 and the WHATWG's index of attributes.
Text, comments and what is in scripts and styles go through as they are. Taken to be UTF-8.
"""

import re
from collections.abc import Callable
from html import escape, unescape

MAX_TAG = 16 * 1024  # bytes of a tag that are waited for; a longer one passes as it is

# attribute -> elements where it is a URL
_URLS = {
    "action": "form",
    "background": "body",
    "cite": "blockquote del ins q",
    "classid": "object",
    "codebase": "applet object",
    "data": "object",
    "formaction": "button input",
    "href": "a area base link",
    "icon": "command",
    "longdesc": "frame iframe img",
    "manifest": "html",
    "poster": "video",
    "profile": "head",
    "src": "audio embed frame iframe img input script source video",
    "usemap": "img input object",
}
_WHERE = {
    element.encode(): frozenset(name.encode() for name, elements in _URLS.items() if element in elements.split())
    for elements in _URLS.values()
    for element in elements.split()
}
_NONE: frozenset[bytes] = frozenset()
_RAW = frozenset({b"iframe", b"noembed", b"noframes", b"script", b"style", b"textarea", b"title", b"xmp"})

_NAME = re.compile(rb"[a-zA-Z][^\s/>]*")
_GAP = re.compile(rb"[\s/]*")
_SPACE = re.compile(rb"\s*")
_KEY = re.compile(rb"=?[^\s/>=]*")
_BARE = re.compile(rb"[^\s>]*")
_EQUALS, _GREATER = b"=>"

Value = tuple[int, int]  # where an attribute's value is, its quotes included


class _Incomplete(Exception):
    """The tag's end has not come yet."""


class HTMLLinks:
    """Feed it a document piece by piece; `close` gives what was held back."""

    def __init__(self, rewrite: Callable[[str], str]) -> None:
        self._rewrite = rewrite  # a link as it is to be; raises ValueError for what is none
        self._held = b""
        self._until = b""  # what ends the comment that is passing
        self._element: re.Pattern[bytes] | None = None  # what ends the script, style ... that is passing

    def feed(self, data: bytes) -> bytes:
        """What can be sent on."""
        data, self._held = self._held + data, b""
        out: list[bytes] = []
        at = 0
        while at < len(data) and not self._held:
            at = self._step(data, at, out)
        return b"".join(out)

    def close(self) -> bytes:
        """The rest."""
        return self._held

    def _step(self, data: bytes, at: int, out: list[bytes]) -> int:
        """Pass on up to the next thing of note; where that ends."""
        if self._until:
            return self._comment(data, at, out)
        if self._element is not None:
            return self._raw_text(data, at, out)
        start = data.find(b"<", at)
        if start < 0:
            out.append(data[at:])
            return len(data)
        out.append(data[at:start])
        return self._markup(data, start, out)

    def _comment(self, data: bytes, at: int, out: list[bytes]) -> int:
        end = data.find(self._until, at)
        if end < 0:
            return self._hold(data, at, max(at, len(data) - len(self._until) + 1), out)
        end += len(self._until)
        self._until = b""
        out.append(data[at:end])
        return end

    def _raw_text(self, data: bytes, at: int, out: list[bytes]) -> int:
        assert self._element is not None
        if found := self._element.search(data, at):
            self._element = None
            out.append(data[at : found.end()])
            return found.end()
        last = data.rfind(b"<", at)
        return self._hold(data, at, last if last >= 0 and len(data) - last < 16 else len(data), out)

    def _markup(self, data: bytes, start: int, out: list[bytes]) -> int:
        """At a "<"."""
        rest = data[start : start + 4]
        if rest in (b"<", b"<!", b"<!-"):
            return self._hold(data, start, start, out)
        if rest[1:2] in (b"!", b"?"):
            self._until = b"-->" if rest == b"<!--" else b">"
            out.append(rest[:2])
            return start + 2
        if not rest[1:2].isalpha():
            out.append(b"<")
            return start + 1
        return self._tag(data, start, out)

    def _tag(self, data: bytes, start: int, out: list[bytes]) -> int:
        try:
            end = self._rewrite_tag(data, start, out)
        except _Incomplete:
            if len(data) - start <= MAX_TAG:
                return self._hold(data, start, start, out)
            self._until = b">"
            return start
        return end

    def _hold(self, data: bytes, at: int, cut: int, out: list[bytes]) -> int:
        """Pass on up to `cut`; keep the rest until more has come."""
        out.append(data[at:cut])
        self._held = data[cut:]
        return len(data)

    def _rewrite_tag(self, data: bytes, start: int, out: list[bytes]) -> int:
        name = _NAME.match(data, start + 1)
        if name is None or name.end() == len(data):
            raise _Incomplete
        element = name[0].lower()
        found, end = _attributes(data, name.end())
        links, last = _WHERE.get(element, _NONE), start
        for key, (begin, stop) in found:
            if key in links and (new := self._changed(data[begin:stop])):
                out += (data[last:begin], new)
                last = stop
        out.append(data[last:end])
        if element in _RAW:
            self._element = re.compile(rb"</" + element + rb"(?=[\s/>])", re.IGNORECASE)
        return end

    def _changed(self, value: bytes) -> bytes:
        """The attribute's value with quotes, as it has to be; empty where it may stay."""
        bare = value[1:-1] if value[:1] in (b'"', b"'") else value
        link = unescape(bare.decode("utf-8", "surrogateescape"))
        try:
            new = self._rewrite(link)
        except ValueError:
            return b""
        return b'"%b"' % escape(new).encode("utf-8", "surrogateescape") if new != link else b""


def _attributes(data: bytes, at: int) -> tuple[list[tuple[bytes, Value]], int]:
    """Each attribute's name and value, and where the tag has ended. Raises _Incomplete."""
    found: list[tuple[bytes, Value]] = []
    while True:
        at = _end(_GAP, data, at)
        if data[at] == _GREATER:
            return found, at + 1
        end = _end(_KEY, data, at)
        key, at = data[at:end].lower(), _end(_SPACE, data, end)
        if data[at] == _EQUALS:
            at = _end(_SPACE, data, at + 1)
            end = _value_end(data, at)
            found.append((key, (at, end)))
            at = end


def _value_end(data: bytes, at: int) -> int:
    quote = data[at : at + 1]
    if quote not in (b'"', b"'"):
        return _end(_BARE, data, at)
    end = data.find(quote, at + 1)
    if end < 0:
        raise _Incomplete
    return end + 1


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Where what matches ends, which has to be before the data does. Raises _Incomplete."""
    found = pattern.match(data, at)
    if found is None or found.end() == len(data):
        raise _Incomplete
    return found.end()
