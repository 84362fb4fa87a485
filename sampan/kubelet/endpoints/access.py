"""Who comes in at the kubelet's API: the holder of a client certificate or of a token, if the API server says so.

A certificate of the cluster's CA names its user; a token is shown to the API server by TokenReview. What the user may
do is asked by SubjectAccessReview. Anonymous requests are refused. What is remembered is so for as long as a
KubeletConfiguration has it by default. Documentation: "Kubelet authentication/authorization". Called by server.py.
"""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID, ObjectIdentifier

from sampan.client.api import Client
from sampan.kinds.authentication.token_review import KIND as TOKEN_REVIEW
from sampan.kinds.authorization.subject_access_review import KIND as SUBJECT_ACCESS_REVIEW
from sampan.kubelet.endpoints.answers import HTTPError
from sampan.kubelet.endpoints.attributes import subresources_of, verb_of
from sampan.kubelet.endpoints.remembered import Remembered
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.transport.chains import Authorities, InvalidChain
from sampan.transport.messages import Request

log = logging.getLogger(__name__)

TOKEN_TTL = 120.0  # seconds
ALLOWED_TTL, REFUSED_TTL = 300.0, 30.0
CERTIFICATE_TTL = 300.0
_MAX_TOKEN = 16 * 1024  # characters; longer ones are not worth a question


class User(NamedTuple):
    """Whom a request comes from."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, Any] = {}  # never changed


class Access:
    """One for a kubelet."""

    def __init__(self, client: Client, node: str, client_ca: bytes, clock: Clock) -> None:
        self._client, self._node, self._clock = client, node, clock
        self.trust(client_ca)
        self._users: Remembered[bytes, User | str] = Remembered(clock)
        self._decisions: Remembered[bytes, bool] = Remembered(clock)

    def trust(self, client_ca: bytes) -> None:
        """Believe the certificates of this authority from now on."""
        self._authorities = Authorities(client_ca)
        self._certified_users: Remembered[tuple[bytes, ...], User | str] = Remembered(self._clock, size=256)

    async def check(self, request: Request) -> User:
        """Who asks, who may; raises HTTPError."""
        user = self._certified(request) or await self._bearer(request.headers.get("authorization", ""))
        if user is None:
            raise HTTPError(401, "Unauthorized")
        verb, subresources = verb_of(request.method), subresources_of(request.path)
        for subresource in subresources:
            if await self._allowed(user, verb, subresource):
                return user
        shown = " ".join(subresources)
        raise HTTPError(403, f"Forbidden (user={user.name}, verb={verb}, resource=nodes, subresource(s)=[{shown}])\n")

    def _certified(self, request: Request) -> User | None:
        """The holder of the certificate that came with the connection, which nobody has looked at yet."""
        if request.peer_certificate is None:
            return None
        chain, now = (request.peer_certificate, *request.peer_chain), self._clock.now()
        known = self._certified_users.get(chain)
        if known is None:
            try:
                leaf, *others = map(x509.load_der_x509_certificate, chain)
                left = (self._authorities.verify(leaf, others, now).end - now).total_seconds()
                known, seconds = _named(leaf), min(left, CERTIFICATE_TTL)
            except (InvalidChain, ValueError) as error:
                known, seconds = str(error), REFUSED_TTL
                log.warning("a client's certificate is no good: %s", error)
            self._certified_users.put(chain, known, seconds)
        return None if isinstance(known, str) else known

    async def _bearer(self, header: str) -> User | None:
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _MAX_TOKEN:
            return None
        key = hashlib.sha256(token.encode()).digest()
        known = self._users.get(key)
        if known is None:
            try:
                known = await self._review(token)
            except APIError as error:
                log.error("a token could not be shown to the API server: %s", error)
                return None
            self._users.put(key, known, TOKEN_TTL)
        return None if isinstance(known, str) else known

    async def _review(self, token: str) -> User | str:
        """The user of a token, or why there is none."""
        status = (await self._client.create(TOKEN_REVIEW, _review("TokenReview", token=token))).get("status") or {}
        if not status.get("authenticated"):
            return str(status.get("error") or "unknown")
        user = status.get("user") or {}
        return User(
            user.get("username") or "",
            tuple(user.get("groups") or ()),
            user.get("uid") or "",
            user.get("extra") or {},
        )

    async def _allowed(self, user: User, verb: str, subresource: str) -> bool:
        attributes = {
            "verb": verb,
            "version": "v1",
            "resource": "nodes",
            "subresource": subresource,
            "name": self._node,
        }
        spec = {
            "user": user.name,
            "groups": list(user.groups),
            "uid": user.uid,
            "extra": dict(user.extra),
            "resourceAttributes": attributes,
        }
        key = hashlib.sha256(orjson.dumps(spec)).digest()
        known = self._decisions.get(key)
        if known is None:
            try:
                answer = await self._client.create(SUBJECT_ACCESS_REVIEW, _review("SubjectAccessReview", **spec))
            except APIError as error:
                log.error("the API server could not be asked what %s may do: %s", user.name, error)
                what = f"user={user.name}, verb={verb}, resource=nodes, subresource={subresource}"
                raise HTTPError(500, f"Authorization error ({what})") from error
            known = bool((answer.get("status") or {}).get("allowed"))
            self._decisions.put(key, known, ALLOWED_TTL if known else REFUSED_TTL)
        return known


def _review(kind: str, **spec: Any) -> Object:
    group = "authentication" if kind == "TokenReview" else "authorization"
    return {"apiVersion": f"{group}.k8s.io/v1", "kind": kind, "spec": spec}


def _named(certificate: x509.Certificate) -> User | str:
    """The user that a certificate names: its common name, with its organizations as groups."""
    names = _values(certificate.subject, NameOID.COMMON_NAME)
    if not names or not names[-1]:
        return "it names nobody"
    credential = f"X509SHA256={certificate.fingerprint(SHA256()).hex()}"
    groups = (*_values(certificate.subject, NameOID.ORGANIZATION_NAME), "system:authenticated")
    return User(names[-1], groups, extra={"authentication.kubernetes.io/credential-id": [credential]})


def _values(subject: x509.Name, what: ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in subject.get_attributes_for_oid(what)]
