"""Links of a proxied server: those that lead to the server itself are made to lead through the proxy. Pure.

Rule: k8s.io/apimachinery/pkg/util/proxy (Transport.rewriteURL). A link to another host, and one that is relative, stay
as they are.
"""

from dataclasses import dataclass
from posixpath import normpath
from urllib.parse import quote, unquote, urlsplit

_SAFE = "$&+,/:;=@"  # what Go leaves in a path


def encoded(path: str) -> str:
    """A path as it stands in a request's first line."""
    return quote(path, safe=_SAFE)


def joined(*parts: str) -> str:
    """Paths joined and cleaned as Go's path.Join does; a slash at the end of the last part that is not empty stays."""
    given = [part for part in parts if part]
    if not given:
        return ""
    path = normpath("/".join(given))
    path = "/" + path.lstrip("/") if path.startswith("/") else path  # POSIX keeps two of them
    return path + "/" if given[-1].endswith("/") and not path.endswith("/") else path


@dataclass(frozen=True, slots=True)
class Links:
    """What is known of one request: where links have to lead, and which hosts are the server's own."""

    prefix: str  # the proxy's path before the server's, decoded
    server: str  # host:port
    client: str  # the Host that the client said: that of the API server, or of a proxy before it

    def rewritten(self, link: str) -> str:
        """The link as the client has to follow it. Raises ValueError for what is no URL."""
        parts = urlsplit(link.strip())
        elsewhere = parts.netloc not in ("", self.server, self.client) or (parts.scheme and not parts.netloc)
        if elsewhere or not parts.path.startswith("/"):
            return link
        if parts.netloc != self.client:
            parts = parts._replace(scheme="", netloc="")
        path = unquote(parts.path)
        if not path.startswith(self.prefix):
            path = joined(self.prefix, path)
        return parts._replace(path=encoded(path)).geturl()


def prefix_of(path: str, location_path: str) -> str:
    """What a request's path has before that of the server."""
    if path.endswith("/") and not location_path.endswith("/"):
        location_path += "/"
    return path.removesuffix(location_path)
