"""The life of one podCertificate projection, as far as the kubelet remembers it. Pure; pod_certificates.py acts.

    nothing -> asked -> issued -> asked again, when it is time -> issued ...
                     -> refused, for good

Nothing is kept on disk: a kubelet that starts again asks anew. KEP-4317; upstream's pkg/kubelet/podcertificate.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from sampan.kinds.certificates import pem
from sampan.machinery.meta import Object, parse_time

PENDING = "credential bundle is not issued yet"
_PATIENCE = timedelta(minutes=10)  # until a request that does not show must have been deleted
_OVERDUE = timedelta(minutes=10)
_REFUSALS = {"Denied": "was denied", "Failed": "failed"}


class Credentials(NamedTuple):
    """A private key and the certificates that go with it, PEM."""

    key: bytes
    chain: bytes


class Asked(NamedTuple):
    """A request that is under way."""

    name: str
    key: bytes
    since: datetime


class Issued(NamedTuple):
    """What the pod has now."""

    credentials: Credentials
    refresh_at: datetime
    ends_at: datetime


class Told(NamedTuple):
    """An event about the pod: a warning."""

    reason: str
    message: str


@dataclass(slots=True)
class Projection:
    """What is remembered."""

    asked: Asked | None = None
    issued: Issued | None = None
    refusal: str = ""  # why there never will be any
    told: set[str] = field(default_factory=set)  # what has been said of the certificate that is there

    def must_ask(self, now: datetime) -> bool:
        """Whether it is time for a request."""
        if self.asked or self.refusal:
            return False
        return self.issued is None or now >= self.issued.refresh_at

    def hear(self, request: Object | None, now: datetime, jitter: timedelta) -> Told | None:
        """Take in what has become of the request; what is to be told of it. `jitter` keeps pods from asking at once."""
        assert self.asked is not None
        if request is None:
            if now > self.asked.since + _PATIENCE + jitter:
                self.asked = None
            return None
        status = request.get("status") or {}
        for condition in status.get("conditions") or ():
            if condition["type"] in _REFUSALS:
                return self._refused(request, condition)
            if condition["type"] == "Issued":
                self._take(status, self.asked.key, jitter)
        return None

    def _refused(self, request: Object, condition: Object) -> Told:
        reason, message = condition.get("reason") or "", condition.get("message") or ""
        permanently = "denied" if condition["type"] == "Denied" else "failed"
        why = f'reason="{reason}" message="{message}"'
        self.asked, self.issued = None, None
        self.refusal = f"PodCertificateRequest was permanently {permanently}: {why}"
        name = f"{request['metadata']['namespace']}/{request['metadata']['name']}"
        what = _REFUSALS[condition["type"]]
        return Told(condition["type"], f'PodCertificateRequest {name} {what}, reason="{reason}", message="{message}"')

    def _take(self, status: Object, key: bytes, jitter: timedelta) -> None:
        credentials = Credentials(key, cleaned(status["certificateChain"]))
        refresh_at, ends_at = parse_time(status["beginRefreshAt"]) + jitter, parse_time(status["notAfter"])
        self.asked, self.issued = None, Issued(credentials, refresh_at, ends_at)
        self.told.clear()

    def overdue(self, now: datetime) -> Told | None:
        """What is to be told, once each, of a certificate that gets old without a new one."""
        if self.issued is None:
            return None
        for is_so, told in (
            (now > self.issued.ends_at, Told("CertificateExpired", "PodCertificate expired")),
            (
                now > self.issued.refresh_at + _OVERDUE,
                Told("CertificateOverdueForRefresh", "PodCertificate refresh overdue"),
            ),
        ):
            if is_so and told.reason not in self.told:
                self.told.add(told.reason)
                return told
        return None


def cleaned(chain: str) -> bytes:
    """The certificates of a chain, and nothing of what may stand between them."""
    return b"".join(pem.encode("CERTIFICATE", block.data) for block in pem.blocks(chain.encode()))
