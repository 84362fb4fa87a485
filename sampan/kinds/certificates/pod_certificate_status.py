"""What a signer may write into the status of a PodCertificateRequest: one answer, and that is the last word.

An issued chain must be what was asked for: of that key, of that length of life, and right now. Whether the signer may
sign at all is asked elsewhere. Rules and texts: k8s.io/kubernetes/pkg/apis/certificates/validation
(ValidatePodCertificateRequestStatusUpdate).
"""

import base64
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sampan.kinds.certificates import pkcs10
from sampan.kinds.certificates.pem import Block, blocks
from sampan.kinds.certificates.x509_certificate import alternative_names, parse
from sampan.kinds.checks import Errors
from sampan.kinds.conditions import validate_conditions
from sampan.machinery.errors import OMITTED, FieldError
from sampan.machinery.meta import Object, parse_time
from sampan.machinery.tree import semantic_equal
from sampan.machinery.validation import Path, invalid, not_supported, required, too_long

ISSUED, DENIED, FAILED = "Issued", "Denied", "Failed"
TERMINAL = (DENIED, FAILED)
_TYPES = (ISSUED, DENIED, FAILED)

_STATUS = Path("status")
_CONDITIONS, _CHAIN = _STATUS.child("conditions"), _STATUS.child("certificateChain")
_TIMES = {  # fields, and what is to be in them
    "notBefore": "must be present and consistent with the issued certificate",
    "notAfter": "must be present and consistent with the issued certificate",
    "beginRefreshAt": "must be present and in the range [notbefore+10min, notafter-10min]",
}
_MAX_CHAIN = 100 * 1024
_SKEW, _MARGIN, _SHORTEST = timedelta(minutes=5), timedelta(minutes=10), timedelta(hours=1)
_NOT_NOW = "must be set to within 5 minutes of kube-apiserver's current time"
_TOO_LONG = "leaf certificate lifetime must be <= spec.maxExpirationSeconds"
_FINAL = "immutable after PodCertificateRequest is issued, denied, or failed"
_MAIL = re.compile(r"[^\s@]+@[^\s@]+").fullmatch


def has_condition(request: Object, *types: str) -> bool:
    """Whether a condition of one of these types is true."""
    return any(one.get("type") in types and one.get("status") == "True" for one in _conditions(request))


def _status(request: Object) -> Object:
    return request.get("status") or {}


def _conditions(request: Object) -> list[Object]:
    return _status(request).get("conditions") or []


def validate_status_update(new: Object, old: Object, now: datetime) -> Errors:
    """What is wrong with a new status."""
    if errors := [*_known_conditions(_conditions(new)), *validate_conditions(_conditions(new), _CONDITIONS)]:
        yield from errors
    elif has_condition(old, *_TYPES):
        yield from _same(_status(new), _status(old), _FINAL)
    elif has_condition(new, *TERMINAL):
        detail = "non-condition status fields must be empty when denying or failing the PodCertificateRequest"
        yield from _same(_status(new), {"conditions": _conditions(new)}, detail)
    elif has_condition(new, ISSUED):
        yield from _issued(old["spec"], _status(new), now)
    else:
        detail = 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"'
        yield from _same(_status(new), _status(old), detail)


def _known_conditions(conditions: Iterable[Object]) -> Errors:
    count = 0
    for index, condition in enumerate(conditions):
        type_, at = condition.get("type") or "", _CONDITIONS.child(f"[{index}]")
        if type_ not in _TYPES:
            yield not_supported(at.child("type"), type_, _TYPES)
            continue
        count += 1
        if count > 1:
            detail = 'There may be at most one condition with type "Issued", "Denied", or "Failed"'
            yield invalid(at.child("type"), type_, detail)
        if (status := condition.get("status") or "") != "True":
            yield not_supported(at.child("status"), status, ("True",))


def _same(new: Object, old: Object, detail: str) -> Errors:
    if not semantic_equal(new, old):
        yield invalid(_STATUS, OMITTED, detail)


def _issued(spec: Object, status: Object, now: datetime) -> Errors:
    chain = status.get("certificateChain") or ""
    encoded = chain.encode(errors="replace")
    if len(encoded) > _MAX_CHAIN:
        yield too_long(_CHAIN, _MAX_CHAIN)
        return
    found = list(blocks(encoded))
    leaf = _certificate(found[0]) if found else None
    if leaf is None:
        yield invalid(_CHAIN, chain, _leaf_fault(found))
        return
    errors = list(_names_errors(leaf))
    yield from errors
    if not _is_for(leaf, spec):
        yield invalid(_CHAIN, chain, "leaf certificate was not issued to the requested public key")
        return
    if not errors:
        missing = [required(_STATUS.child(name), detail) for name, detail in _TIMES.items() if not status.get(name)]
        error = _times_error(leaf, spec, status, now) if not missing else None
        yield from missing or ([error] if error else _rest_errors(chain, found[1:]))


def _leaf_fault(found: list[Block]) -> str:
    if not found:
        return "issued certificate chain must contain at least one certificate"
    if found[0].type != "CERTIFICATE":
        return "issued certificate chain must consist entirely of CERTIFICATE PEM blocks"
    return "leaf certificate does not parse as valid X.509"


def _certificate(block: Block) -> x509.Certificate | None:
    try:
        return parse(block.data) if block.type == "CERTIFICATE" else None
    except ValueError:
        return None


def _names_errors(leaf: x509.Certificate) -> Errors:
    for name in alternative_names(leaf):
        if isinstance(name, x509.DNSName):
            yield from _host_errors(name.value)
        if isinstance(name, x509.RFC822Name) and not _MAIL(name.value):
            yield invalid(_CHAIN, name.value, "leaf certificate should not contain invalid EmailAddress")


def _host_errors(host: str) -> Errors:
    if not host:
        yield invalid(_CHAIN, host, "leaf certificate should not contain empty DNSName")
    if ".." in host:
        yield invalid(_CHAIN, host, "leaf certificate's DNSName should not contain '..'")
    if host.startswith(".") or host.endswith("."):
        yield invalid(_CHAIN, host, "leaf certificate's DNSName should not start or end with '.'")


def _is_for(leaf: x509.Certificate, spec: Object) -> bool:
    """Whether the certificate is that of the requested key."""
    wanted = pkcs10.parse_der(base64.b64decode(spec["stubPKCS10Request"])).public_key
    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return bool(key.public_bytes(*form) == wanted.public_bytes(*form))


def _times_error(leaf: x509.Certificate, spec: Object, status: Object, now: datetime) -> FieldError | None:
    """The first thing that is wrong with the times."""
    begin, end, refresh = (parse_time(status[name]) for name in _TIMES)
    first, last, most = leaf.not_valid_before_utc, leaf.not_valid_after_utc, spec["maxExpirationSeconds"]
    life = last - first
    for name, wrong, detail in (
        ("notBefore", begin != first, "must be set to the NotBefore time encoded in the leaf certificate"),
        ("notBefore", abs(begin - now) >= _SKEW, _NOT_NOW),
        ("notAfter", end != last, "must be set to the NotAfter time encoded in the leaf certificate"),
        ("certificateChain", life < _SHORTEST, "leaf certificate lifetime must be >= 1 hour"),
        ("certificateChain", life > timedelta(seconds=most), f"{_TOO_LONG} ({most})"),
        ("beginRefreshAt", refresh < begin + _MARGIN, "must be at least 10 minutes after status.notBefore"),
        ("beginRefreshAt", refresh > end - _MARGIN, "must be at least 10 minutes before status.notAfter"),
    ):
        if wrong:
            nanoseconds = life // timedelta(microseconds=1) * 1000
            return invalid(_STATUS.child(name), nanoseconds if name == "certificateChain" else status[name], detail)
    return None


def _rest_errors(chain: str, rest: Iterable[Block]) -> Errors:
    """The certificates above the leaf. Whether they lead to anybody is not for the server to say."""
    for block in rest:
        if block.type != "CERTIFICATE":
            yield invalid(_CHAIN, chain, "issued certificate chain must consist entirely of CERTFICATE PEM blocks")
            return
        if _certificate(block) is None:
            yield invalid(_CHAIN, chain, "intermediate certificate does not parse as valid X.509")
            return
