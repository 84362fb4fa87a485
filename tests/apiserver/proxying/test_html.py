"""HTML that passes: which values change, and that nothing else does."""

import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.apiserver.proxying.html import MAX_TAG, HTMLLinks
from sampan.apiserver.proxying.recoded import SLICE, Unpacker, recoded
from sampan.transport.messages import StreamResponse
from sampan.transport.reading import ProtocolError


def rewrite(link: str) -> str:
    if link == "/bad":
        raise ValueError
    return "/p" + link if link.startswith("/") else link


def rewritten(document: bytes, size: int = 0) -> bytes:
    links, step = HTMLLinks(rewrite), size or len(document) or 1
    pieces = [document[start : start + step] for start in range(0, len(document), step)]
    return b"".join([*map(links.feed, pieces), links.close()])


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('<a href="/x">y</a>', '<a href="/p/x">y</a>'),
        ("<a href='/x'>", '<a href="/p/x">'),
        ("<a href=/x/>", '<a href="/p/x/">'),
        ("<A  HREF = /x >", '<A  HREF = "/p/x" >'),
        ('<a title="/t" href="/x?a=1&amp;b=2" class=c>', '<a title="/t" href="/p/x?a=1&amp;b=2" class=c>'),
        ('<img src="/a" longdesc="/b" alt="/c"/>', '<img src="/p/a" longdesc="/p/b" alt="/c"/>'),
        ('<form action="/a"><input formaction="/b"><button formaction="/c">', None),
        ('<link rel=stylesheet href="/é.css">', '<link rel=stylesheet href="/p/é.css">'),
        ('<video poster="/a" src="/b"><source src="/c">', None),
        ('<body background="/a"><q cite="/b"><html manifest="/c"><head profile="/d">', None),
    ],
)
def test_links_change(document: str, expected: str | None) -> None:
    expected = document.replace('"/', '"/p/') if expected is None else expected
    assert rewritten(document.encode()).decode() == expected


@pytest.mark.parametrize(
    "document",
    [
        "plain /text < 3 <3 <",
        '<div href="/x" src="/y">',
        '<a href="x"><a href="#y"><a href><a href=>',
        '<a href="/bad">',
        '<!-- <a href="/x"> --><!DOCTYPE html SYSTEM "/d"><?php href="/x" ?>',
        "<script>document.write('<a href=\"/x\">')</script>",
        '<style><a href="/x"></style><title><a href="/x"></title><TEXTAREA><a href="/x"></textarea >',
        "<div title='<a href=\"/x\">'>",
        '<a href="/never closed',
        "</a href='/x'>",
    ],
)
def test_all_else_stays(document: str) -> None:
    assert rewritten(document.encode()).decode() == document


def test_what_follows_a_script_changes_again() -> None:
    assert rewritten(b'<script src="/s"><a href="/x"></SCRIPT><a href="/x">') == (
        b'<script src="/p/s"><a href="/x"></SCRIPT><a href="/p/x">'
    )


def test_bytes_that_are_not_utf_8_pass() -> None:
    assert rewritten(b'\xff<a href="/\xfe">\xfd') == b'\xff<a href="/p/\xfe">\xfd'


def test_a_tag_without_an_end_is_not_waited_for() -> None:
    links = HTMLLinks(rewrite)
    long = b'<a href="' + b"x" * MAX_TAG
    assert links.feed(long) == long
    assert links.feed(b'"><a href="/y">') == b'"><a href="/p/y">'


PIECES = st.lists(
    st.sampled_from(
        [b"<", b"a", b" href=", b'"', b"'", b"/x", b">", b"<!--", b"-->", b"<script>", b"</script>", b"=", b" ", b"<a"]
    ),
    max_size=40,
).map(b"".join)


@given(PIECES, st.integers(1, 7))
def test_pieces_make_no_difference(document: bytes, size: int) -> None:
    assert rewritten(document, size) == rewritten(document)


# Content codings


async def of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def packed(data: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(data) + packer.flush()


PAGE = b'<a href="/x">' * 5000


@pytest.mark.parametrize(
    ("coding", "given", "back"), [("", 0, 0), ("gzip", 31, 31), ("deflate", 15, 15), ("deflate", -15, 15)]
)
async def test_packed_pages(coding: str, given: int, back: int) -> None:
    body = packed(PAGE, given) if given else PAGE
    reply = recoded(StreamResponse(200, of(body[:10], b"", body[10:])), coding, HTMLLinks(rewrite))
    found = b"".join([piece async for piece in reply.stream])
    assert (zlib.decompress(found, wbits=back) if back else found) == PAGE.replace(b'"/', b'"/p/')
    assert reply.length is None


def test_a_bomb_goes_off_slowly() -> None:
    pieces = Unpacker("gzip").feed(packed(b"\0" * 20_000_000, 31))
    assert max(len(next(pieces)) for _ in range(100)) <= SLICE


async def test_what_is_not_packed_as_it_says_breaks_off() -> None:
    reply = recoded(StreamResponse(200, of(b"plain")), "gzip", HTMLLinks(rewrite))
    with pytest.raises(ProtocolError, match="malformed gzip content"):
        await anext(reply.stream)


async def test_unknown_codings_pass() -> None:
    reply = StreamResponse(200, of(b"x"), length=1)
    assert recoded(reply, "br", HTMLLinks(rewrite)) is reply
    async with aclosing(reply.stream):  # type: ignore[type-var]
        pass
