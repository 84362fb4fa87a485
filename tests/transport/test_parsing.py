"""The parser alone: framing, limits, and what request smuggling lives on."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.transport import parsing
from sampan.transport.limits import Limits
from sampan.transport.messages import Request
from sampan.transport.parsing import Refusal, RequestParser

HOST = b"Host: x\r\n"


def parse(*pieces: bytes, **limits: int) -> tuple[list[Request], Refusal | None, RequestParser]:
    parser = RequestParser(Limits(**limits))  # type: ignore[arg-type]
    for piece in pieces:
        parser.feed(piece)
    requests = [item[0] for item in parser.ready if not isinstance(item, Refusal)]
    refusals = [item for item in parser.ready if isinstance(item, Refusal)]
    assert len(refusals) <= 1
    return requests, (refusals[0] if refusals else None), parser


def test_a_request_in_one_piece() -> None:
    [request], refusal, parser = parse(
        b"PUT /api/a%20b?x=1 HTTP/1.1\r\nHost: x\r\nAccept: a \r\naccept: b\r\nEmpty:\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert refusal is None and not parser.finished and not parser.begun
    assert (request.method, request.path, request.raw_path) == ("PUT", "/api/a b", "/api/a%20b")
    assert (request.raw_query, request.body) == ("x=1", b"abc")
    assert request.headers == {"host": "x", "accept": "a, b", "empty": "", "content-length": "3"}


def test_the_lines_of_a_repeated_header_are_kept() -> None:
    """A comma may be a part of a value: which it is, the header's name says and the transport does not know."""
    [first, second], _, _ = parse(
        b"GET / HTTP/1.1\r\nHost: x\r\nGroup: cn=a,ou=b\r\nOne: 1,2\r\ngroup: c\r\nGroup:\r\n\r\n"
        b"GET / HTTP/1.1\r\nHost: x\r\nGroup: d\r\n\r\n"
    )
    assert (first.lines("group"), first.headers["group"]) == (["cn=a,ou=b", "c", ""], "cn=a,ou=b, c, ")
    assert (first.lines("one"), first.lines("none")) == (("1,2",), ())
    assert ("group", "c") in first.all_lines() and ("one", "1,2") in first.all_lines()
    assert second.lines("group") == ("d",)


MESSAGES = (
    b"POST /one HTTP/1.1\r\nHost: x\r\nX-Long: " + b"v" * 50 + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nHost: evil\r\nTrailer: t\r\n\r\n"
    b"GET /two?q HTTP/1.1\r\nHost: x\r\n\r\n"
    b"POST /three HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour"
    b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\n\r\n"
)


@given(st.lists(st.integers(0, len(MESSAGES)), max_size=12))
def test_pieces_make_no_difference(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(MESSAGES)]
    pieces = [MESSAGES[a:b] for a, b in pairwise(edges)]
    requests, refusal, parser = parse(*pieces)
    assert refusal is None and parser.finished
    assert [(r.method, r.path, r.body) for r in requests] == [
        ("POST", "/one", b"abcde"),
        ("GET", "/two", b""),
        ("POST", "/three", b"four"),
        ("GET", "/last", b""),
    ]
    assert requests[0].headers["host"] == "x" and "trailer" not in requests[0].headers
    assert requests[1].headers == {"host": "x"}


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\na", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED + b"zz\r\n", 400),
        (CHUNKED + b"-1\r\n", 400),
        (CHUNKED + b"0x1\r\na\r\n", 400),
        (CHUNKED + b"1 \r\na\r\n", 400),
        (CHUNKED + b"1\na\n0\n\n", 400),
        (CHUNKED + b"1\r\nab\r\n0\r\n\r\n", 400),
        (CHUNKED + b"fffffffffffffffff\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\0\r\n\r\n", 400),
        (b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: a miracle\r\n\r\n", 417),
    ],
)
def test_refused(data: bytes, status: int) -> None:
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        requests, refusal, parser = parse(*pieces)
        assert requests == []
        assert refusal is not None and refusal.status == status
        assert parser.finished


def test_what_came_before_a_refusal_is_answered() -> None:
    requests, refusal, _ = parse(b"GET /one HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n")
    assert [request.path for request in requests] == ["/one"]
    assert refusal is not None and refusal.status == 400


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 1100 + b"\r\n\r\n"],  # complete
        [b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: " + b"a" * 600, b"a" * 600],  # a line without end
        [b"GET /" + b"a" * 1100 + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
        [b"GET /", *[b"a" * 100] * 12],
        [b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(30)) + b"\r\n"],
        [b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 30 + b"\r\n"],
    ],
)
def test_head_limits(pieces: list[bytes]) -> None:
    _, refusal, _ = parse(*pieces, head_bytes=1000, header_count=20)
    assert refusal is not None and refusal.status == 431


def test_a_large_body_does_not_count_as_head() -> None:
    [request], refusal, _ = parse(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + b"b" * 5000, head_bytes=1000
    )
    assert refusal is None and len(request.body) == 5000


def test_body_limits() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    assert parse(head % 10, b"a" * 10, body_bytes=10)[1] is None
    _, refusal, _ = parse(head % 11, body_bytes=10)
    assert refusal is not None and refusal.status == 413
    _, refusal, _ = parse(CHUNKED, b"6\r\nabcdef\r\n", b"5\r\nabcde\r\n0\r\n\r\n", body_bytes=10)
    assert refusal is not None and refusal.status == 413


def test_expectation() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n"
    _, _, parser = parse(head)
    assert parser.expects_continue
    parser.feed(b"a")
    assert not parser.expects_continue
    _, refusal, parser = parse(head, body_bytes=2)
    assert refusal is not None and refusal.status == 413 and not parser.expects_continue


def test_upgrade_leaves_the_rest() -> None:
    requests, refusal, parser = parse(
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n\x80\x03rest"
    )
    assert len(requests) == 1 and refusal is None
    assert parser.upgrading and parser.rest == b"\x80\x03rest"


def test_an_upgrade_to_something_unknown_is_ignored() -> None:
    one = b"POST /h2c HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody"
    requests, refusal, parser = parse(one * 3000 + b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
    assert refusal is None and not parser.upgrading
    assert len(requests) == 3001 and requests[0].body == b"body" and requests[-1].path == "/next"


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), max_size=4))
def test_garbage_never_breaks_it(tail: bytes, edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(MESSAGES)
    for position, replacement in edits:
        data[position : position + len(replacement)] = replacement
    requests, refusal, _ = parse(bytes(data) + tail)
    assert refusal is None or 400 <= refusal.status <= 505
    assert all(request.path for request in requests)


def test_long_names_of_headers_are_not_remembered() -> None:
    parse(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    before = parsing._lower.cache_info().currsize
    [request], _, _ = parse(b"GET / HTTP/1.1\r\n" + HOST + b"X" * 100_000 + b": 1\r\n\r\n")
    assert request.headers["x" * 100_000] == "1"
    assert parsing._lower.cache_info().currsize == before
