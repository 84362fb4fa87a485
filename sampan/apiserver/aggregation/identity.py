"""Who asks, told to a backend: the headers of an authenticating proxy, and what else a proxy says. Pure.

Header names: kubernetes documentation, "Authenticating Proxy", and k8s.io/client-go/transport. What the client itself
says under these names, and the credentials that it showed to us, stay here.
"""

from collections.abc import Iterator
from dataclasses import replace
from string import ascii_letters, digits

from sampan.apiserver.authentication.user import User
from sampan.apiserver.streaming.target import without_secrets
from sampan.transport.messages import Request

_TOKEN = frozenset((ascii_letters + digits + "!#$&'*+-.^_`|~").encode())  # what may be in a header's name, save "%"
_FORWARDED_FOR = "x-forwarded-for"


def on_behalf(request: Request, user: User, host: str) -> Request:
    """The request as a backend at `host` gets it."""
    bare = without_secrets(request)
    lines: dict[str, list[str]] = {}
    for name, value in (*identity_headers(user), *_forwarding(request, host)):
        lines.setdefault(name, []).append(value.encode().decode("latin-1"))  # as all values of a request are
    headers = {**bare.headers, **{name: ", ".join(values) for name, values in lines.items()}}
    return replace(bare, headers=headers, repeated={**(bare.repeated or {}), **lines})


def identity_headers(user: User) -> Iterator[tuple[str, str]]:
    """A user as headers, one line for each value."""
    yield "x-remote-user", user.name
    if user.uid:
        yield "x-remote-uid", user.uid
    for group in user.groups:
        yield "x-remote-group", group
    for key, values in user.extra.items():
        yield from ((f"x-remote-extra-{_escaped(key)}", value) for value in values)


def _forwarding(request: Request, host: str) -> Iterator[tuple[str, str]]:
    before = request.headers.get(_FORWARDED_FOR)
    if request.remote:
        yield _FORWARDED_FOR, f"{before}, {request.remote}" if before else request.remote
    yield "x-forwarded-uri", request.raw_path
    yield "x-forwarded-host", host
    yield "x-forwarded-proto", "https"


def _escaped(key: str) -> str:
    """A key of the user's extra as a part of a header's name; readers percent-decode it and take it in lower case."""
    return "".join(chr(byte) if byte in _TOKEN else f"%{byte:02X}" for byte in key.encode())
