"""What is wrong with the projected sources that bring certificates: clusterTrustBundle and podCertificate.

Rules and texts: k8s.io/kubernetes/pkg/apis/core/validation (validateProjectionSources). KEP-3257, KEP-4317.
"""

from collections.abc import Iterator

from sampan.kinds.certificates.cluster_trust_bundle import name_errors
from sampan.kinds.certificates.pod_certificate_request import MIN_SECONDS, max_seconds, validate_user_annotations
from sampan.kinds.certificates.signer_names import validate_signer_name
from sampan.kinds.checks import Errors
from sampan.kinds.core.mount_validation import local_path
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, invalid, not_supported, required, validate_label_selector

_KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_PATHS = ("credentialBundlePath", "keyPath", "certificateChainPath")


def validate_trust_bundle(source: Object, path: Path) -> Errors:
    """One bundle by its name, or those of a signer by their labels."""
    name, signer, selector = source.get("name"), source.get("signerName"), source.get("labelSelector")
    if name is not None and signer is not None:
        yield invalid(path, source, "only one of name and signerName may be used")
    elif name is not None:
        yield from _bundle_name(name, path.child("name"))
        if selector is not None:
            detail = "labelSelector must be unset if name is specified"
            yield invalid(path.child("labelSelector"), selector, detail)
    elif signer is not None:
        if not signer:
            yield required(path.child("signerName"), "must be a valid signer name")
        yield from validate_signer_name(signer, path.child("signerName"))
        yield from validate_label_selector(selector, path.child("labelSelector"))
    else:
        yield required(path, "either name or signerName must be specified")
    if not source.get("path"):
        yield required(path.child("path"))
    else:
        yield from local_path(source["path"], path.child("path"))


def _bundle_name(name: str, path: Path) -> Errors:
    """A name with colons tells the signer."""
    if not name:
        yield required(path, "must be a valid object name")
    signer = name.rpartition(":")[0].replace(":", "/")
    for wrong in name_errors(name, signer):
        yield invalid(path, name, f"not a valid clustertrustbundlename: {wrong}")


def validate_pod_certificate(source: Object, path: Path) -> Errors:
    """Which signer is asked for what, and where key and certificates go."""
    signer, key_type = source.get("signerName") or "", source.get("keyType") or ""
    yield from validate_signer_name(signer, path.child("signerName"))
    yield from validate_user_annotations(source.get("userAnnotations") or {}, path.child("userAnnotations"))
    if key_type not in _KEY_TYPES:
        yield not_supported(path.child("keyType"), key_type, _KEY_TYPES)
    if (seconds := source.get("maxExpirationSeconds")) is not None:
        yield from _seconds(seconds, max_seconds(signer), path.child("maxExpirationSeconds"))
    for field, target in _targets(source):
        yield from local_path(target, path.child(field))
    if not any(_targets(source)):
        yield required(path, f"specify at least one of {_PATHS[0]}, {_PATHS[1]}, and {_PATHS[2]}")


def _seconds(seconds: int, most: int, path: Path) -> Errors:
    if seconds < MIN_SECONDS:
        yield invalid(path, seconds, f"if provided, maxExpirationSeconds must be >= {MIN_SECONDS}")
    if seconds > most:
        yield invalid(path, seconds, f"if provided, maxExpirationSeconds must be <= {most}")


def _targets(source: Object) -> Iterator[tuple[str, str]]:
    return ((field, source[field]) for field in _PATHS if source.get(field))


def files_of(source: Object) -> Iterator[str]:
    """The files that a podCertificate source makes."""
    return (target for _, target in _targets(source))
