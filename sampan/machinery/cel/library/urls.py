"""URLs. Upstream: apiserver pkg/cel/library/urls.go; Go's net/url for what a URL is."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.values import Extension
from sampan.machinery.urls import is_request_uri

_PATH_CHARACTERS = "/$&+,:;=@~!*'()-._[]"
_MOST_PARAMETERS = 10_000


@dataclass(frozen=True, slots=True)
class Url(Extension):
    """A parsed URL: what can be asked for."""

    scheme: str
    host: str
    path: str
    query: str

    name = "kubernetes.URL"


def _parse(text: str) -> Url:
    if not is_request_uri(text):
        shown = text.replace("\\", "\\\\").replace('"', '\\"')
        reason = "empty url" if not text else "invalid URI for request"
        raise EvaluationError(f'URL parse error during conversion from string: parse "{shown}": {reason}')
    try:
        parts = urlsplit(text)
    except ValueError:
        raise EvaluationError("URL parse error during conversion from string: invalid host") from None
    host = parts.netloc.rpartition("@")[2]
    return Url(parts.scheme, host, parts.path, parts.query)


def _hostname(url: Url) -> str:
    host = _without_port(url.host)
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _without_port(host: str) -> str:
    head, colon, port = host.rpartition(":")
    return head if colon and (port.isdigit() or not port) and "]" not in port else host


def _port(url: Url) -> str:
    host = _without_port(url.host)
    return url.host[len(host) + 1 :]


def _escaped_path(url: Url) -> str:
    """The path as it was written if that is a valid form, else escaped anew."""
    path = url.path
    plain = all(char.isalnum() and char.isascii() for char in path if char not in _PATH_CHARACTERS + "%")
    return path if plain else quote(unquote(path), safe=_PATH_CHARACTERS.replace("[", "").replace("]", ""))


def _query(url: Url) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(url.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise EvaluationError("too many query parameters") from None
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


URLS = Library(
    "urls",
    (
        overload("url(string) -> kubernetes.URL", _parse),
        overload("isURL(string) -> bool", is_request_uri),
        overload("kubernetes.URL.getScheme() -> string", lambda url: url.scheme),
        overload("kubernetes.URL.getHost() -> string", lambda url: url.host),
        overload("kubernetes.URL.getHostname() -> string", _hostname),
        overload("kubernetes.URL.getPort() -> string", _port),
        overload("kubernetes.URL.getEscapedPath() -> string", _escaped_path),
        overload("kubernetes.URL.getQuery() -> map(string, list(string))", _query),
    ),
)
