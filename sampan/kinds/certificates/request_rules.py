"""What a CertificateSigningRequest may hold, and what its updates may change: that depends on who writes which part.

Problems that a stored request has already may stay, and v1beta1 never minded some. Rules and texts:
k8s.io/kubernetes/pkg/apis/certificates/validation. Called by the kind and by its subresources.
"""

import base64
from collections.abc import Iterable, Sequence

from sampan.kinds.certificates import pkcs10
from sampan.kinds.certificates.pem import blocks
from sampan.kinds.certificates.signer_names import LEGACY_UNKNOWN, validate_signer_name
from sampan.kinds.certificates.usages import KNOWN_USAGES
from sampan.kinds.certificates.x509_certificate import parse
from sampan.kinds.checks import SPEC, Errors, repeated
from sampan.machinery.meta import Object
from sampan.machinery.tree import semantic_equal
from sampan.machinery.validation import Path, duplicate, forbidden, invalid, not_supported, required

APPROVED, DENIED, FAILED = "Approved", "Denied", "Failed"
APPROVAL, STATUS = "approval", "status"  # the subresources

_CONDITIONS, _CERTIFICATE = Path("status.conditions"), Path("status.certificate")
_USAGES = SPEC.child("usages")
_MIN_SECONDS = 600


def conditions_of(request: Object, type_: str = "") -> list[Object]:
    """The conditions of a request, or those of one type."""
    found = (request.get("status") or {}).get("conditions") or []
    return [one for one in found if not type_ or one.get("type") == type_]


def certificate_of(request: Object) -> str:
    """The certificate that was issued, in base64, or ""."""
    return str((request.get("status") or {}).get("certificate") or "")


def validate_new(request: Object, *, lenient: bool = False) -> Errors:
    """What is wrong with a new request; `lenient` is v1beta1."""
    return _validate(request, None, lenient)


def validate_change(new: Object, old: Object, part: str = "", *, lenient: bool = False) -> Errors:
    """What is wrong with an update of the request ("") or one of its subresources."""
    yield from _validate(new, old, lenient)
    yield from _kept(new, old)
    if part != APPROVAL:
        yield from _approvals_kept(new, old)
    yield from _certificate_kept(certificate_of(new), certificate_of(old), part, lenient)


def _validate(new: Object, old: Object | None, lenient: bool) -> Errors:
    spec, before = new["spec"], (old or {}).get("spec") or {}
    if wrong := _request_error(spec.get("request") or ""):
        yield invalid(SPEC.child("request"), spec.get("request") or None, wrong)
    yield from _usages(spec.get("usages") or [], before.get("usages") or [], lenient)
    signer, at = spec.get("signerName"), SPEC.child("signerName")
    if signer == LEGACY_UNKNOWN and not lenient and before.get("signerName") != LEGACY_UNKNOWN:
        yield invalid(at, signer, "the legacy signerName is not allowed via this API version")
    else:
        yield from validate_signer_name(signer, at)
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _MIN_SECONDS:
        detail = f"may not specify a duration less than {_MIN_SECONDS} seconds (10 minutes)"
        yield invalid(SPEC.child("expirationSeconds"), seconds, detail)
    yield from _conditions(conditions_of(new), conditions_of(old or {}), lenient)
    if not lenient and not _may_be_any(certificate_of(new), old) and (wrong := certificate_error(certificate_of(new))):
        yield invalid(_CERTIFICATE, "<certificate data>", wrong)


def _request_error(encoded: str) -> str:
    """A request that could not be read, or that somebody else has signed, is not taken."""
    try:
        return pkcs10.signature_error(pkcs10.parse_pem(base64.b64decode(encoded)))
    except ValueError as error:
        return str(error)


def _usages(usages: Sequence[str], before: Sequence[str], lenient: bool) -> Errors:
    if not usages:
        yield required(_USAGES)
    if not lenient and KNOWN_USAGES.issuperset(before):
        for index, usage in enumerate(usages):
            if usage not in KNOWN_USAGES:
                yield not_supported(_USAGES.index(index), usage, KNOWN_USAGES)
    if not lenient and not _has_duplicates(before):
        for index, usage in repeated(usages):
            yield duplicate(_USAGES.index(index), usage)


def _has_duplicates(values: Sequence[str]) -> bool:
    return len(set(values)) < len(values)


def _types(conditions: Iterable[Object]) -> list[str]:
    return [one.get("type") or "" for one in conditions]


def _conditions(conditions: Sequence[Object], before: Sequence[Object], lenient: bool) -> Errors:
    types, stored = _types(conditions), _types(before)
    yield from _condition_fields(conditions, needs_type=not lenient and "" not in stored)
    if {APPROVED, DENIED} <= set(types) and not {APPROVED, DENIED} <= set(stored):
        second = max(types.index(APPROVED), types.index(DENIED))
        yield invalid(_CONDITIONS, types[second], "Approved and Denied conditions are mutually exclusive")
    if not lenient and not _has_duplicates(stored):
        for index, type_ in repeated(types):
            yield duplicate(_CONDITIONS.index(index).child("type"), type_)


def _condition_fields(conditions: Iterable[Object], *, needs_type: bool) -> Errors:
    for index, condition in enumerate(conditions):
        type_, status, at = condition.get("type") or "", condition.get("status") or "", _CONDITIONS.index(index)
        allowed = ("True",) if type_ in (APPROVED, DENIED, FAILED) else ("False", "True", "Unknown")
        if not type_ and needs_type:
            yield required(at.child("type"))
        if not status:
            yield required(at.child("status"))
        elif status not in allowed:
            yield not_supported(at.child("status"), status, allowed)


def _may_be_any(certificate: str, old: Object | None) -> bool:
    """What was let in once may stay, and may be replaced by its like."""
    return old is not None and (certificate == certificate_of(old) or bool(certificate_error(certificate_of(old))))


def certificate_error(encoded: str) -> str:
    """What is wrong with certificates in PEM, in base64; none at all are fine."""
    found = 0
    for block in blocks(base64.b64decode(encoded)):
        if block.type != "CERTIFICATE":
            return f'only CERTIFICATE PEM blocks are allowed, found "{block.type}"'
        if block.has_headers:
            return "no PEM block headers are permitted"
        try:
            parse(block.data)
        except ValueError as error:
            return str(error)
        found += 1
    return "" if found or not encoded else "must contain at least one CERTIFICATE PEM block"


def _kept(new: Object, old: Object) -> Errors:
    """What has been decided is not taken back."""
    for type_ in (APPROVED, DENIED, FAILED):
        if len(conditions_of(new, type_)) < len(conditions_of(old, type_)):
            yield forbidden(_CONDITIONS, f'updates may not remove a condition of type "{type_}"')


def _approvals_kept(new: Object, old: Object) -> Errors:
    """Whether a request is approved is written through its own subresource only."""
    for type_ in (APPROVED, DENIED):
        after, before = conditions_of(new, type_), conditions_of(old, type_)
        if len(after) > len(before):
            yield forbidden(_CONDITIONS, f'updates may not add a condition of type "{type_}"')
        elif len(after) == len(before) and not semantic_equal(after, before):
            yield forbidden(_CONDITIONS, f'updates may not modify a condition of type "{type_}"')


def _certificate_kept(new: str, old: str, part: str, lenient: bool) -> Errors:
    if new == old:
        return
    if part != STATUS:
        yield forbidden(_CERTIFICATE, "updates may not set certificate content")
    elif old and not lenient:
        yield forbidden(_CERTIFICATE, "updates may not modify existing certificate content")
