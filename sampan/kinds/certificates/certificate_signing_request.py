"""CertificateSigningRequest: who asks for a certificate, from which signer and for what; and what became of it.

v1beta1 has the same fields; it guessed signer and usages, and looked less closely (request_rules.py). Approval and
status are written through subresources of their own. Rules: k8s.io/kubernetes/pkg/apis/certificates and
pkg/registry/certificates/certificates; docs, "Certificates and Certificate Signing Requests".
"""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from sampan.kinds.certificates import kubelet_requests, pkcs10
from sampan.kinds.certificates.request_rules import (
    APPROVED,
    DENIED,
    FAILED,
    certificate_of,
    conditions_of,
    validate_change,
    validate_new,
)
from sampan.kinds.certificates.signer_names import KUBELET_CLIENT, KUBELET_SERVING, LEGACY_UNKNOWN
from sampan.kinds.columns import AGE, NAME, NONE, text
from sampan.kinds.prepare import fresh_status
from sampan.machinery.durations import duration_human
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Field, Schema

_DEFINITION = "io.k8s.api.certificates.v1.CertificateSigningRequest"
_BETA = "io.k8s.api.certificates.v1beta1.CertificateSigningRequest"
_WHO = ("username", "uid", "groups", "extra")


def _define_beta(known: Schema) -> None:
    condition, status, spec = (_BETA + part for part in ("Condition", "Status", "Spec"))
    known.derive(condition, _DEFINITION + "Condition", optional=["status"])
    known.derive(status, _DEFINITION + "Status", {"conditions": _changed(known, "Status", "conditions", condition)})
    signer = replace(known.definition(_DEFINITION + "Spec").fields["signerName"], always=False, pointer=True)
    known.derive(spec, _DEFINITION + "Spec", {"signerName": signer}, optional=["signerName", "usages"])
    parts = {"spec": _changed(known, "", "spec", spec), "status": _changed(known, "", "status", status)}
    known.derive(_BETA, _DEFINITION, parts)


def _changed(known: Schema, part: str, name: str, ref: str) -> Field:
    """A field of v1 that is, or lists, another type."""
    field = known.definition(_DEFINITION + part).fields[name]
    return replace(field, items=replace(field.items, ref=ref)) if field.items else replace(field, ref=ref)


def _default_beta(request: Object) -> None:
    """Usages for a server or client, and the signer whose request this looks like."""
    spec = request["spec"]
    if spec.get("usages") is None:
        spec["usages"] = ["digital signature", "key encipherment"]
    if spec.get("signerName") is None:
        spec["signerName"] = _guessed_signer(spec)


def _guessed_signer(spec: Object) -> str:
    try:
        parsed = pkcs10.parse_pem(base64.b64decode(spec.get("request") or ""))
    except ValueError:
        return LEGACY_UNKNOWN
    if not kubelet_requests.client_error(parsed, spec["usages"]):
        return KUBELET_CLIENT
    return LEGACY_UNKNOWN if kubelet_requests.serving_error(parsed, spec["usages"]) else KUBELET_SERVING


def _name_requestor(request: Object, user: Object) -> None:
    """Signers decide by who asks, so that nobody says it but the server."""
    spec = {field: value for field, value in request["spec"].items() if field not in _WHO}
    request["spec"] = spec | {field: user[field] for field in _WHO if user.get(field)}


def _keep_all(new: Object, old: Object) -> None:
    """What has been asked for stays as it is; only the metadata changes."""
    new["spec"] = old["spec"]


def _duration(request: Object, now: datetime) -> str:
    seconds = request["spec"].get("expirationSeconds")
    return NONE if seconds is None else duration_human(seconds)


def _condition(request: Object, now: datetime) -> str:
    types = {one.get("type") for one in conditions_of(request)}
    decision = DENIED if DENIED in types else APPROVED if APPROVED in types else "Pending"
    issued = ("Issued",) if certificate_of(request) else ()
    return ",".join((decision, *((FAILED,) if FAILED in types else ()), *issued))


def _column(name: str, cell: Callable[[Object, datetime], str], description: str) -> Column:
    return Column(name, cell, description=description)


KIND = Kind(
    name="CertificateSigningRequest",
    plural="certificatesigningrequests",
    versions=(
        ServedVersion(
            "certificates.k8s.io", "v1", _DEFINITION, validate_create=validate_new, validate_update=validate_change
        ),
        ServedVersion(
            "certificates.k8s.io",
            "v1beta1",
            _BETA,
            default=_default_beta,
            validate_create=partial(validate_new, lenient=True),
            validate_update=partial(validate_change, lenient=True),
            deprecated="1.19",
            removed="1.22",
            replacement="certificates.k8s.io/v1 CertificateSigningRequest",
        ),
    ),
    namespaced=False,
    short_names=("csr",),
    columns=(
        NAME,
        AGE,
        _column("SignerName", text("spec", "signerName", default=NONE), "Which signer is asked."),
        _column("Requestor", text("spec", "username"), "Who asks."),
        _column("RequestedDuration", _duration, "How long the certificate is to be good for."),
        _column("Condition", _condition, "What has been decided and done."),
    ),
    definitions=_define_beta,
    defaults={_BETA + "Condition": {"status": "True"}},
    name_rule="path-segment",
    prepare_create=fresh_status(),
    prepare_requestor=_name_requestor,
    prepare_update=_keep_all,
    has_generation=False,
    selectable_fields={"spec.signerName": lambda request: str(request["spec"].get("signerName") or "")},
    reset_fields={
        "approval": (("spec",), ("status", "certificate")),
        "status": (("status", "conditions"),),
    },
)
