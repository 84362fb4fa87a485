"""String formats, and patterns."""

import pytest

from sampan.machinery.structural import formats
from sampan.machinery.structural.patterns import Pattern, PatternError

GOOD = {
    "bsonobjectid": ["507f1f77bcf86cd799439011"],
    "uri": ["http://a.example/b?c=%zz", "/path", "mailto:a", "https://[::1]:80/", "file:///etc", "http://u:p@h"],
    "email": ["a@b.example", '"a b"@c', "Name <a@b>", "Two Words <a@b.c>"],
    "hostname": ["a", "a.example", "1a.example.com", "\N{SNOWMAN}.example"],
    "ipv4": ["10.0.0.1", "010.000.000.001"],
    "ipv6": ["::1", "fe80::1"],
    "cidr": ["10.0.0.0/8", "::/0"],
    "mac": ["00:00:5e:00:53:01", "02-00-5e-10-00-00-00-01", "0000.5e00.5301"],
    "uuid": ["2A04B0B0-8a5e-4d3f-9c65-5d1d3c0f7f10", "2a04b0b08a5e4d3f9c655d1d3c0f7f10"],
    "uuid3": ["6fa459ea-ee8a-3ca4-894e-db77e160355e"],
    "uuid4": ["2a04b0b0-8a5e-4d3f-9c65-5d1d3c0f7f10"],
    "uuid5": ["886313e1-3b8a-5372-9b90-0c9aee199e5d"],
    "isbn": ["0321751043", "978-0321751041"],
    "isbn10": ["080442957X"],
    "isbn13": ["978 0321751041"],
    "creditcard": ["4111-1111-1111-1111"],
    "ssn": ["111-11-1111"],
    "hexcolor": ["#FFF", "c0ffee"],
    "rgbcolor": ["rgb(255, 0,1)"],
    "byte": ["YQ==", "YWJj"],
    "password": ["", "anything"],
    "date": ["2024-02-29", "0000-01-01"],
    "date-time": ["2014-12-15T19:30:20.000Z", "2014-12-15t19:30:20+01:00"],
    "duration": ["1h30m", "-1.5s", "22 ns", "3 days", "0"],
    "k8s-short-name": ["a-1"],
    "k8s-long-name": ["a.b-c", "a" * 200],
}
BAD = {
    "bsonobjectid": ["507f"],
    "uri": ["", "a", "://a", "http://a b/", "http://h:port/", "http://h/%zz", "http://h\n"],
    "email": ["a", "a@", "@b", "a b@c", "a..b@c", "Name a@b"],
    "hostname": ["", "-a", "a_b", "a." + "b" * 64 + ".example", "a" * 300],
    "ipv4": ["::1", "10.0.0", "256.0.0.1", "10.0.0.1%eth0"],
    "ipv6": ["10.0.0.1", "fe80::1%eth0", "::g"],
    "cidr": ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/x"],
    "mac": ["00:00:5e:00:53", "00:00-5e:00:53:01", "0000.5e00"],
    "uuid": ["2a04"],
    "uuid3": ["2a04b0b0-8a5e-4d3f-9c65-5d1d3c0f7f10"],
    "uuid4": ["886313e1-3b8a-5372-9b90-0c9aee199e5d"],
    "uuid5": ["2a04b0b0-8a5e-4d3f-9c65-5d1d3c0f7f10"],
    "isbn": ["0321751044"],
    "isbn10": ["978-0321751041"],
    "isbn13": ["978-0321751042"],
    "creditcard": ["4111-1111-1111-1112", ""],
    "ssn": ["111111111", "111-11-111"],
    "hexcolor": ["#FF"],
    "rgbcolor": ["rgb(256,0,0)"],
    "byte": ["", "YQ=", "Y!"],
    "date": ["2023-02-29", "2024-2-9", "24-02-09"],
    "date-time": ["2014-12-15", "2014-12-15T24:00:00Z", "2014-12-15T10:00:00"],
    "duration": ["", "3 fortnights", "h"],
    "k8s-short-name": ["A", "-a", "a" * 64],
    "k8s-long-name": ["a..b", "a" * 254],
}


@pytest.mark.parametrize(("format_", "text"), [(name, text) for name, texts in GOOD.items() for text in texts])
def test_good(format_: str, text: str) -> None:
    check = formats.check_of(format_)
    assert check is not None and check(text)


@pytest.mark.parametrize(("format_", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_bad(format_: str, text: str) -> None:
    check = formats.check_of(format_)
    assert check is not None and not check(text)


def test_which_formats_mean_something_depends_on_the_type() -> None:
    assert formats.is_known("string", "date-time") and formats.is_known("", "uuid")
    assert formats.is_known("integer", "int32") and formats.is_known("number", "double")
    assert not formats.is_known("integer", "uint32") and not formats.is_known("boolean", "date")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(a", "error parsing regexp: missing closing ): `(a`"),
        ("[a", "error parsing regexp: missing closing ]: `[a`"),
        ("(?=a)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"),
        ("a{1001}", "error parsing regexp: invalid repeat count: `{1001}`"),
        ("*a", "error parsing regexp: missing argument to repetition operator: `*`"),
        ("a**", "error parsing regexp: invalid nested repetition operator: `**`"),
    ],
)
def test_a_bad_pattern_is_told_in_go_s_words(pattern: str, told: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern(pattern)
    assert str(caught.value) == told


def test_a_pattern_matches_anywhere_and_dollar_is_the_very_end() -> None:
    assert Pattern("b+").found_in("abc")
    assert Pattern(r"^\p{L}$").found_in("\N{LATIN SMALL LETTER E WITH ACUTE}")
    assert not Pattern("^a$").found_in("a\n")
    assert not Pattern("^a$").found_in("\ud800")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("text", ["1", "1 ", "0.", ".1", "1h", "1x ", "a1", "\u0661"])
def test_a_long_duration_is_judged_in_a_moment(text: str) -> None:
    check = formats.check_of("duration")
    assert check is not None
    assert check(text * 500_000) is (text in ("1h",))
