"""What is known of one audited request, from its arrival to its last stage.

Fields and rules: k8s.io/apiserver/pkg/audit/request.go and context.go. Made by auditor.py, filled on the way of the
request by app.py and the verbs.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

import orjson

from sampan.apiserver.audit.annotations import Annotations
from sampan.apiserver.audit.event import Body, Event
from sampan.apiserver.audit.level import Level, Stage
from sampan.apiserver.audit.policy import AuditConfig
from sampan.apiserver.authentication.user import User, user_info
from sampan.apiserver.requestinfo import RequestInfo
from sampan.machinery.meta import Object
from sampan.transport.messages import Request

_MAX_AGENT = 1024
_LONG_RUNNING = frozenset({"attach", "exec", "proxy", "log", "portforward"})
_STATUS = ("status", "message", "reason", "details", "code")


class Record:
    """See the module."""

    def __init__(
        self,
        config: AuditConfig,
        audit_id: str,
        request: Request,
        info: RequestInfo,
        user: User | None,
        received: datetime,
        annotations: Annotations,
    ) -> None:
        self.config = config
        self.info = info
        self.annotations = annotations
        self.is_over = False
        self.late: dict[str, str] = {}  # annotations of the last stage alone
        self._received = received
        self._audit_id = audit_id
        self._request = request
        self._user = user
        self._acting: User | None = None
        self._subject = _reference(info)
        self._status: dict[str, Any] = {}
        self._sent: Body | None = None
        self._answered: Body | None = None
        self._constraint = ""

    @property
    def long_running(self) -> bool:
        """Whether the beginning of the answer is a stage of its own: watches, logs, and what is passed on."""
        return self.info.verb in ("watch", "proxy") or self.info.subresource in _LONG_RUNNING

    @property
    def wants_response(self) -> bool:
        """Whether the answer's object is to be told."""
        return self.config.level >= Level.REQUEST_RESPONSE

    def impersonated(self, user: User, constraint: str = "") -> None:
        """On whose behalf the user acts, and by which constrained way (KEP-5284)."""
        self._acting, self._constraint = user, constraint

    def sent(self, obj: Any) -> None:
        """The object that was sent, in the client's version; of a patch or of options what they are."""
        if self.config.level >= Level.REQUEST:
            self._sent = Body((_json(obj),), self.config.omit_managed_fields)

    def sent_object(self, obj: Object, show: Callable[[Object], Object] = lambda obj: obj) -> None:
        """The object that was sent, which `show` makes what its client would see."""
        if self.config.level >= Level.REQUEST:
            self.sent(show(obj))
        meta = obj.get("metadata") or {}
        for field in ("namespace", "name", "uid", "resourceVersion"):
            if not self._subject.get(field) and isinstance(found := meta.get(field), str) and found:
                self._subject[field] = found

    def answered(self, obj: Mapping[str, Any] | None, body: Body | None = None) -> None:
        """The answer: a Status is told of at every level, the object itself at the closest."""
        if obj is not None and obj.get("kind") == "Status":
            self._status = {field: obj[field] for field in _STATUS if field in obj}
        if self.wants_response and body is not None:
            self._answered = body._replace(omit_managed_fields=self.config.omit_managed_fields)

    def ended(self, code: int, **more: Any) -> None:
        """The answer's code, and what there is to say of an answer that never came."""
        self._status |= {**more, "code": code}

    def event(self, stage: Stage, now: datetime) -> Event:
        """What is known by now."""
        level, moment = self.config.level, self._received if stage is Stage.REQUEST_RECEIVED else now
        fields = {field: value for field, value in self._fields(stage) if value}
        return Event(level, fields, self._sent, self._answered, self._received, moment, dict(self.annotations))

    def _fields(self, stage: Stage) -> Iterator[tuple[str, Any]]:
        request = self._request
        yield "level", self.config.level.label
        yield "auditID", self._audit_id
        yield "stage", stage.value
        yield "requestURI", f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path
        yield "verb", self.info.verb
        yield "user", user_info(self._user) if self._user else _NOBODY
        yield "impersonatedUser", self._acting and user_info(self._acting)
        yield "authenticationMetadata", self._constraint and {"impersonationConstraint": self._constraint}
        yield "sourceIPs", source_ips(request)
        yield "userAgent", _agent(request.headers.get("user-agent", ""))
        yield "objectRef", {field: self._subject[field] for field in _REFERENCE if self._subject.get(field)}
        yield "responseStatus", self._status and {"metadata": {}, **_in_order(self._status)}


class _Empty(dict[str, Any]):
    """An object without fields that is told of all the same."""

    def __bool__(self) -> bool:
        return True


_NOBODY = _Empty()
_REFERENCE = ("resource", "namespace", "name", "uid", "apiGroup", "apiVersion", "resourceVersion", "subresource")


def _reference(info: RequestInfo) -> dict[str, str]:
    if not info.is_resource:
        return {}
    return {
        "resource": info.resource,
        "namespace": info.namespace,
        "name": info.name,
        "apiGroup": info.group,
        "apiVersion": info.version,
        "subresource": info.subresource,
    }


def _in_order(status: Mapping[str, Any]) -> dict[str, Any]:
    return {field: status[field] for field in _STATUS if status.get(field)}


def _json(tree: Any) -> bytes:
    try:
        return orjson.dumps(tree)
    except TypeError:  # a number of more than 64 bits
        return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def _agent(agent: str) -> str:
    return agent if len(agent) <= _MAX_AGENT else f"{agent[:_MAX_AGENT]}...TRUNCATED"


def source_ips(request: Request) -> list[str]:
    """From where the request came: what proxies say, then its connection (apimachinery/pkg/util/net, SourceIPs)."""
    headers = request.headers
    found = [address for part in headers.get("x-forwarded-for", "").split(",") if (address := _address(part))]
    real = _address(headers.get("x-real-ip", ""))
    if real and real not in found:
        found.append(real)
    remote = _address(request.remote) or "127.0.0.1"  # a component in this process
    return found if found[-1:] == [remote] else [*found, remote]


def _address(text: str) -> str:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return ""
