"""Users that a front proxy names: X-Remote headers, believed from a certificate of the front proxies' own CA only.

Headers and rules: kubernetes documentation, "Authenticating Proxy"; k8s.io/apiserver/pkg/authentication/request/
headerrequest. Whoever has no such certificate may send what it likes: nothing here looks at it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from sampan.apiserver.authentication.user import User, authenticated
from sampan.transport.messages import Request

_EXTRA = "x-remote-extra-"
_BROKEN = re.compile(r"%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class FrontProxies:
    """Who may say who asks: the CA of their certificates (PEM; empty: nobody), and their common names (none: all)."""

    ca: bytes = b""
    names: Sequence[str] = ()

    def allows(self, common_name: str) -> bool:
        """Whether a certificate of the CA, with this name, is a front proxy's."""
        return not self.names or common_name in self.names


NO_FRONT_PROXIES = FrontProxies()


def named_user(request: Request) -> User | None:
    """The user of the headers; None where they name nobody."""
    names = [line for line in request.lines("x-remote-user") if line]
    if not names:
        return None
    uids = [line for line in request.lines("x-remote-uid") if line]
    groups = tuple(line for line in request.lines("x-remote-group") if line)
    return authenticated(names[0], groups, uids[0] if uids else "", _extra(request))


def _extra(request: Request) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for header in request.headers:
        if header.startswith(_EXTRA):
            key = path_unescaped(header[len(_EXTRA) :])
            found[key] = (*found.get(key, ()), *request.lines(header))
    return found


def path_unescaped(text: str) -> str:
    """A key of extra as a header's name has it, percent-encoded; one that is not stays as it is."""
    return text if _BROKEN.search(text) else unquote(text)
