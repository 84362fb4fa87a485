"""Whom a request asks to act as: the Impersonate headers.

Each line of Impersonate-Group is one group, commas included; names of extra come percent-encoded. Rules and words:
documentation, "User impersonation"; k8s.io/apiserver/pkg/endpoints/filters/impersonation. Called by app.py.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from sampan.apiserver.authentication.request_header import path_unescaped
from sampan.machinery.errors import BadRequest
from sampan.transport.messages import Request

_USER, _GROUP, _UID, _EXTRA = "impersonate-user", "impersonate-group", "impersonate-uid", "impersonate-extra-"


class Wanted(NamedTuple):
    """A user as the headers name it; nothing is added yet."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = {}

    @property
    def is_bare(self) -> bool:
        """Whether there is a name and no more."""
        return not (self.groups or self.uid or self.extra)


def wanted(request: Request) -> Wanted | None:
    """The user to act as; None where the request is the caller's own. Raises BadRequest."""
    if "impersonate-" not in ",".join(request.headers):  # every request passes here: one look at all the names
        return None
    name, uid = (next(iter(request.lines(header)), "") for header in (_USER, _UID))
    groups = tuple(request.lines(_GROUP))
    extra: dict[str, tuple[str, ...]] = {}
    for header in request.headers:
        if header.startswith(_EXTRA):
            key = path_unescaped(header[len(_EXTRA) :])
            extra[key] = (*extra.get(key, ()), *request.lines(header))
    found = Wanted(name, groups, uid, extra)
    if not name and not found.is_bare:
        raise BadRequest(f"requested {_shown(found)} without impersonating a user name")
    return found if name else None


def _shown(found: Wanted) -> str:
    """As Go prints the struct."""
    extra = "map[string][]string(nil)"
    if found.extra:
        entries = (f"{_quoted(key)}:{_strings(values)}" for key, values in sorted(found.extra.items()))
        extra = f"map[string][]string{{{', '.join(entries)}}}"
    fields = f"Name:{_quoted(found.name)}, UID:{_quoted(found.uid)}, Groups:{_strings(found.groups)}, Extra:{extra}"
    return f"&user.DefaultInfo{{{fields}}}"


def _strings(values: Sequence[str]) -> str:
    return f"[]string{{{', '.join(map(_quoted, values))}}}" if values else "[]string(nil)"


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()
