import pytest

from sampan.transport.target import decode_path, split_target


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/api/v1?watch=true&x=%2F", ("/api/v1", "watch=true&x=%2F")),
        ("/", ("/", "")),
        ("/a?b?c", ("/a", "b?c")),
        ("http://host:1/a?b", ("/a", "b")),
        ("HTTPS://host", ("/", "")),
        ("https://host?x", ("/", "x")),
    ],
)
def test_split(target: str, expected: tuple[str, str]) -> None:
    assert split_target(target) == expected


@pytest.mark.parametrize("target", ["", "*", "a", "ftp://host/a", "/a#b", "host:443"])
def test_split_refuses(target: str) -> None:
    with pytest.raises(ValueError):
        split_target(target)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/plain", "/plain"),
        ("/a%20b", "/a b"),
        ("/%C3%A4", "/ä"),
        ("/a%2Fb%2fc", "/a%2fb%2fc"),
        ("/%25", "/%"),
    ],
)
def test_decode(path: str, expected: str) -> None:
    assert decode_path(path) == expected


@pytest.mark.parametrize("path", ["/%", "/%2", "/%zz", "/%ff", "/a%2/b"])
def test_decode_refuses(path: str) -> None:
    with pytest.raises(ValueError):
        decode_path(path)
