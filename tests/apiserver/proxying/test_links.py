"""Links that are made to lead through the proxy."""

import pytest

from sampan.apiserver.proxying.links import Links, encoded, joined, prefix_of

PREFIX = "/api/v1/namespaces/default/services/web:http/proxy"
LINKS = Links(PREFIX, "10.0.0.1:8080", "localhost:8001")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/a/b?c=d#e", f"{PREFIX}/a/b?c=d#e"),
        ("/a/", f"{PREFIX}/a/"),
        ("/", f"{PREFIX}/"),
        ("/a/../b", f"{PREFIX}/b"),
        ("http://10.0.0.1:8080/a", f"{PREFIX}/a"),
        ("https://10.0.0.1:8080/a/", f"{PREFIX}/a/"),
        ("http://localhost:8001/a", f"http://localhost:8001{PREFIX}/a"),
        (f"{PREFIX}/a", f"{PREFIX}/a"),
        ("/a%20b/%C3%A9", f"{PREFIX}/a%20b/%C3%A9"),
        ("/a b", f"{PREFIX}/a%20b"),
    ],
)
def test_the_servers_own(link: str, expected: str) -> None:
    assert LINKS.rewritten(link) == expected


@pytest.mark.parametrize(
    "link", ["", "a/b", "../b", "?x", "#y", "http://example.com/a", "//example.com/a", "mailto:a@b", "javascript:/a/"]
)
def test_others_stay(link: str) -> None:
    assert LINKS.rewritten(link) == link


def test_what_is_no_url_is_said() -> None:
    with pytest.raises(ValueError):
        LINKS.rewritten("http://[::1/")


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("", ""), ""),
        (("", "/"), "/"),
        (("", "/a"), "/a"),
        (("", "/a/"), "/a/"),
        (("", "//a//b"), "/a/b"),
        (("", "/a/../../../b/."), "/b"),
        (("", "/.."), "/"),
        (("/p", "/a/"), "/p/a/"),
        (("/p/", "a"), "/p/a"),
    ],
)
def test_paths_are_cleaned(parts: tuple[str, ...], path: str) -> None:
    assert joined(*parts) == path


def test_paths_are_encoded() -> None:
    assert encoded("/a b/é?#%/x:y@z;=+$&,") == "/a%20b/%C3%A9%3F%23%25/x:y@z;=+$&,"


@pytest.mark.parametrize(
    ("path", "location", "prefix"),
    [("/x/proxy/a/b", "/a/b", "/x/proxy"), ("/x/proxy/", "/", "/x/proxy"), ("/x/proxy/a/", "/a", "/x/proxy")],
)
def test_prefixes(path: str, location: str, prefix: str) -> None:
    assert prefix_of(path, location) == prefix
