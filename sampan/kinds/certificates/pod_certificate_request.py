"""PodCertificateRequest: a kubelet asks a signer for the certificate of one pod.

The kubelet makes one for every podCertificate projection and for every renewal; a signer answers in the status, once.
Its subresource status asks whether the signer may (apiserver/subresources/pod_certificates.py). KEP-4317. Rules:
k8s.io/kubernetes/pkg/apis/certificates/validation and pkg/registry/certificates/podcertificaterequest.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sampan.kinds.certificates import pkcs10
from sampan.kinds.certificates.pod_certificate_status import ISSUED, TERMINAL
from sampan.kinds.certificates.signer_names import is_kubernetes, validate_signer_name
from sampan.kinds.checks import SPEC, Errors, unchanged
from sampan.kinds.columns import NAME, labels_text, text
from sampan.kinds.prepare import STATUS_METADATA, fresh_status, in_metadata, keeping_metadata
from sampan.machinery.errors import OMITTED
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.metadata import ANNOTATIONS_LIMIT
from sampan.machinery.names import Check, dns_subdomain, qualified_name
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, check, invalid, required, too_long

_DEFINITION = "io.k8s.api.certificates.v1.PodCertificateRequest"
_STUB, _SECONDS = SPEC.child("stubPKCS10Request"), SPEC.child("maxExpirationSeconds")
_MAX_UID, _MAX_STUB = 128, 10 * 1024
MIN_SECONDS, DEFAULT_SECONDS = 3600, 86400
_MAX_SECONDS, _KUBERNETES_MAX_SECONDS = 91 * 86400, 86400
_RSA_BITS = (3072, 4096)
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_NAMED: Mapping[str, Check] = {"pod": dns_subdomain, "serviceAccount": dns_subdomain, "node": dns_subdomain}


def _validate_create(request: Object) -> Errors:
    spec = request["spec"]
    yield from validate_signer_name(spec.get("signerName"), SPEC.child("signerName"))
    yield from validate_user_annotations(
        spec.get("unverifiedUserAnnotations") or {}, SPEC.child("unverifiedUserAnnotations")
    )
    for what, rule in _NAMED.items():
        name, uid = spec.get(f"{what}Name") or "", spec.get(f"{what}UID") or ""
        yield from check(SPEC.child(f"{what}Name"), name, rule(name))
        if not uid:
            yield invalid(SPEC.child(f"{what}UID"), uid, "must not be empty")
        if len(uid.encode(errors="replace")) > _MAX_UID:
            yield too_long(SPEC.child(f"{what}UID"), _MAX_UID)
    if spec.get("maxExpirationSeconds") is None:
        yield required(_SECONDS, "must be set")
        return
    most = max_seconds(spec.get("signerName") or "")
    if not MIN_SECONDS <= (seconds := spec["maxExpirationSeconds"]) <= most:
        yield invalid(_SECONDS, seconds, f"must be in the range [{MIN_SECONDS}, {most}]")
    yield from _stub_errors(base64.b64decode(spec.get("stubPKCS10Request") or ""))


def max_seconds(signer: str) -> int:
    """For how long a certificate may be asked; Kubernetes' own signers keep it short."""
    return _KUBERNETES_MAX_SECONDS if is_kubernetes(signer) else _MAX_SECONDS


def validate_user_annotations(annotations: Mapping[str, str], path: Path) -> Errors:
    """What users tell a signer, under keys that name a domain. Of projections, too."""
    size = 0
    for key, value in annotations.items():
        size += len(key.encode(errors="replace")) + len(value.encode(errors="replace"))
        yield from _key_errors(key.lower(), path)
    if size > ANNOTATIONS_LIMIT:
        yield too_long(path, ANNOTATIONS_LIMIT)


def _key_errors(key: str, path: Path) -> Errors:
    if not key:
        yield required(path)
    elif wrong := qualified_name(key):
        yield from check(path, key, wrong)
    elif "/" not in key:
        yield invalid(path, key, 'must be a domain-prefixed key (such as "acme.io/foo")')


def _stub_errors(data: bytes) -> Errors:
    """A request that says nothing but which key, and proves that the kubelet has it."""
    if not data:
        detail = "exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set"
        yield invalid(SPEC, OMITTED, detail)
        return
    if len(data) > _MAX_STUB:
        yield too_long(_STUB, _MAX_STUB)
        return
    try:
        stub = pkcs10.parse_der(data)
    except ValueError:
        yield invalid(_STUB, OMITTED, "must be a valid PKCS#10 CSR")
        return
    errors = list(_key_kind_errors(stub.public_key))
    yield from errors
    if not errors and pkcs10.signature_error(stub):
        yield invalid(_STUB, OMITTED, "invalid signature")


def _key_kind_errors(key: object) -> Errors:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in _RSA_BITS:
            yield invalid(_STUB, f"{key.key_size}-bit modulus", "RSA keys must have modulus size 3072 or 4096")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            detail = "elliptic public keys must use curve P256, P384, or P521"
            yield invalid(_STUB, f"curve {key.curve.name}", detail)
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        yield invalid(_STUB, OMITTED, "unknown public key type; supported types are Ed25519, ECDSA, and RSA")


def _validate_update(new: Object, old: Object) -> Errors:
    return unchanged(SPEC, new["spec"], old["spec"])


def _state(request: Object, now: datetime) -> str:
    types = [one.get("type") for one in get_path(request, ("status", "conditions")) or ()]
    return next((type_ for type_ in reversed(types) if type_ in (ISSUED, *TERMINAL)), "Pending")


def _annotations(request: Object, now: datetime) -> str:
    return labels_text(request["spec"].get("unverifiedUserAnnotations"))


def _spec_field(name: str) -> Callable[[Object], str]:
    return lambda request: str(request["spec"].get(name) or "")


KIND = Kind(
    name="PodCertificateRequest",
    plural="podcertificaterequests",
    versions=(ServedVersion("certificates.k8s.io", "v1", _DEFINITION),),
    columns=(
        NAME,
        Column("PodName", text("spec", "podName"), description="Whose certificate it is to be."),
        Column("ServiceAccountName", text("spec", "serviceAccountName"), description="What the pod runs as."),
        Column("NodeName", text("spec", "nodeName"), description="Where the pod runs."),
        Column("SignerName", text("spec", "signerName"), description="Which signer is asked."),
        Column("State", _state, description="Is the request Pending, Issued, Denied, or Failed?"),
        Column("UnverifiedUserAnnotations", _annotations, priority=1, description="What the pod tells the signer."),
    ),
    defaults={_DEFINITION + "Spec": {"maxExpirationSeconds": DEFAULT_SECONDS}},
    prepare_create=fresh_status(),
    prepare_status_update=keeping_metadata(*STATUS_METADATA),
    validate_create=_validate_create,
    validate_update=_validate_update,
    selectable_fields={f"spec.{name}": _spec_field(name) for name in ("signerName", "podName", "nodeName")},
    reset_fields={"status": in_metadata(*STATUS_METADATA)},
    has_generation=False,
    allow_unconditional_update=False,
)
