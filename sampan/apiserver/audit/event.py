"""One audit event: an Event of audit.k8s.io/v1 at one stage of a request, as bytes and as a line of text.

An event is made on the event loop and encoded wherever it is written, in a thread: bodies may have megabytes, so they
are kept as the bytes that were read or sent. Shape: k8s.io/apiserver/pkg/apis/audit/v1; the line:
pkg/audit/format.go.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from sampan.apiserver.audit.level import Level
from sampan.machinery.meta import Object

_HEAD = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",'
_LIST = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
_TRUNCATED = "audit.k8s.io/truncated"


class Body(NamedTuple):
    """A request's or a response's object, in JSON."""

    pieces: Sequence[bytes | memoryview]
    omit_managed_fields: bool = False

    @property
    def size(self) -> int:
        """Bytes, about."""
        return sum(map(len, self.pieces))

    def fragment(self) -> orjson.Fragment:
        """The JSON on one line."""
        text = b"".join(self.pieces).strip()
        if self.omit_managed_fields:
            text = orjson.dumps(_unmanaged(orjson.loads(text)))
        if b"\n" in text:  # as somebody has written it by hand
            text = json.dumps(json.loads(text), separators=(",", ":")).encode()
        return orjson.Fragment(text)


class Event(NamedTuple):
    """See the module. `fields` are those before the objects, `times` and annotations those behind them."""

    level: Level
    fields: Mapping[str, Any]
    request: Body | None
    response: Body | None
    received: datetime
    stage_time: datetime
    annotations: Mapping[str, str]

    @property
    def size(self) -> int:
        """Bytes that it keeps in memory beside its metadata."""
        return sum(body.size for body in (self.request, self.response) if body)

    def truncated(self) -> "Event":
        """The same without objects."""
        return self._replace(request=None, response=None, annotations={**self.annotations, _TRUNCATED: "true"})


def encoded(event: Event) -> bytes:
    """The event as an object of its own."""
    return _HEAD + _item(event)[1:]


def encoded_list(events: Iterable[Event]) -> bytes:
    """An EventList."""
    return _LIST + b",".join(map(_item, events)) + b"]}"


def _item(event: Event) -> bytes:
    tree: dict[str, Any] = {**event.fields}
    if event.request is not None:
        tree["requestObject"] = event.request.fragment()
    if event.response is not None:
        tree["responseObject"] = event.response.fragment()
    tree["requestReceivedTimestamp"] = micro_time(event.received)
    tree["stageTimestamp"] = micro_time(event.stage_time)
    if event.annotations:
        tree["annotations"] = dict(sorted(event.annotations.items()))
    return orjson.dumps(tree)


def micro_time(moment: datetime) -> str:
    """A MicroTime."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _unmanaged(tree: Any) -> Any:
    """An object, a list or a Table without managedFields."""
    if isinstance(tree, dict):
        _drop_managed(tree)
        for item in tree.get("items") or ():
            _drop_managed(item)
        for row in tree.get("rows") or ():
            _drop_managed(row.get("object") if isinstance(row, dict) else None)
    return tree


def _drop_managed(obj: Any) -> None:
    if isinstance(obj, dict) and isinstance(obj.get("metadata"), dict):
        obj["metadata"].pop("managedFields", None)


def line(event: Event) -> str:
    """The event as one line of text: --audit-log-format=legacy."""
    fields, user = event.fields, event.fields["user"]
    acting: Object | None = fields.get("impersonatedUser")
    response = fields.get("responseStatus")
    shown = {
        "id": _quoted(fields["auditID"]),
        "stage": _quoted(fields["stage"]),
        "ip": _quoted((fields.get("sourceIPs") or ["<unknown>"])[0]),
        "method": _quoted(fields["verb"]),
        "user": _quoted(user.get("username") or "<none>"),
        "groups": _quoted(_listed(user.get("groups")) or "<none>"),
        "as": _quoted(acting["username"] if acting else "<self>"),
        "asgroups": _quoted(_listed(acting.get("groups")) if acting and acting.get("groups") else "<lookup>"),
        "user-agent": _quoted(fields.get("userAgent") or ""),
        "namespace": _quoted((fields.get("objectRef") or {}).get("namespace") or "<none>"),
        "uri": _quoted(fields["requestURI"]),
        "response": f'"{response.get("code", 0)}"' if response else '"<deferred>"',
    }
    text = " ".join(f"{name}={value}" for name, value in shown.items())
    return f"{_nanos(event.received)} AUDIT: {text}"


def _nanos(moment: datetime) -> str:
    """As Go's RFC3339Nano: no zeros at the end."""
    fraction = f"{moment.microsecond:06}".rstrip("0")
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "") + "Z"


def _listed(groups: Sequence[str] | None) -> str:
    return ",".join(map(_quoted, groups or ()))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
