"""ClusterTrustBundle: authorities to trust, of a signer or of nobody in particular. The older versions are identical.

KEP-3257. Rules: k8s.io/kubernetes/pkg/apis/certificates/validation and pkg/registry/certificates/clustertrustbundle.
"""

from collections import defaultdict

from sampan.kinds.certificates.pem import Block, blocks
from sampan.kinds.certificates.signer_names import validate_signer_name
from sampan.kinds.certificates.x509_certificate import is_authority, parse
from sampan.kinds.checks import SPEC, Errors, unchanged
from sampan.kinds.columns import NAME, NONE, text
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.names import dns_subdomain
from sampan.machinery.schema import Schema
from sampan.machinery.validation import invalid, too_long

_GROUP = "certificates.k8s.io"
_DEFINITION = "io.k8s.api.certificates.v1.ClusterTrustBundle"
_ALPHA = "io.k8s.api.certificates.v1alpha1.ClusterTrustBundle"
_BUNDLE, _SIGNER = SPEC.child("trustBundle"), SPEC.child("signerName")
_MAX_BUNDLE = 1 << 20


def signer_of(bundle: Object) -> str:
    """Whose authorities these are, or ""."""
    return str(bundle["spec"].get("signerName") or "")


def name_prefix(signer: str) -> str:
    """With what the names of a signer's bundles begin."""
    return signer.replace("/", ":") + ":"


def _define_alpha(known: Schema) -> None:
    known.derive(_ALPHA, _DEFINITION)


def _validate(bundle: Object) -> Errors:
    meta, signer = bundle["metadata"], signer_of(bundle)
    if prefix := meta.get("generateName"):  # what is generated follows a dash at its end
        for wrong in name_errors(prefix[:-1] + "a" if prefix.endswith("-") else prefix, signer):
            yield invalid("metadata.generateName", prefix, wrong)
    if name := meta.get("name"):
        for wrong in name_errors(name, signer):
            yield invalid("metadata.name", name, wrong)
    if signer:
        yield from validate_signer_name(signer, _SIGNER)


def name_errors(name: str, signer: str) -> list[str]:
    """What is wrong with the name: it says whose bundle this is, so that nobody can take another signer's place."""
    if not signer and ":" in name:
        return ['ClusterTrustBundle without signer name must not have ":" in its name']
    if not signer:
        return dns_subdomain(name)
    prefix = name_prefix(signer)
    if not name.startswith(prefix):
        return [f"ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}"]
    return dns_subdomain(name.removeprefix(prefix))


def _validate_create(bundle: Object) -> Errors:
    return _bundle_errors(bundle["spec"].get("trustBundle") or "")


def _validate_update(new: Object, old: Object) -> Errors:
    """A bundle that stays as it was is not looked at again: it was right by the rules of its day."""
    after, before = (one["spec"].get("trustBundle") or "" for one in (new, old))
    if after != before:
        yield from _bundle_errors(after)
    yield from unchanged(_SIGNER, signer_of(new), signer_of(old))


def _bundle_errors(bundle: str) -> Errors:
    encoded = bundle.encode(errors="replace")
    if len(encoded) > _MAX_BUNDLE:
        yield too_long(_BUNDLE, _MAX_BUNDLE)
        return
    places, bad = defaultdict(list), False
    for index, block in enumerate(blocks(encoded)):
        if wrong := _block_error(block):
            bad = True
            yield invalid(_BUNDLE, "<value omitted>", f"entry {index} {wrong}")
        places[block.data].append(index)
    if bad:
        return
    if not places:
        yield invalid(_BUNDLE, "<value omitted>", "at least one trust anchor must be provided")
    for indices in places.values():
        if len(indices) > 1:
            shown = " ".join(map(str, indices))
            yield invalid(_BUNDLE, "<value omitted>", f"duplicate trust anchor (indices [{shown}])")


def _block_error(block: Block) -> str:
    if block.type != "CERTIFICATE":
        return f"has bad block type: {block.type}"
    if block.has_headers:
        return "has PEM block headers"
    try:
        certificate = parse(block.data)
    except ValueError:
        return "does not parse as X.509"
    return "" if is_authority(certificate) else "does not have the CA bit set"


def _older(version: str, definition: str, deprecated: str, removed: str) -> ServedVersion:
    return ServedVersion(
        _GROUP,
        version,
        definition,
        deprecated=deprecated,
        removed=removed,
        replacement="certificates.k8s.io/v1 ClusterTrustBundle",
    )


KIND = Kind(
    name="ClusterTrustBundle",
    plural="clustertrustbundles",
    versions=(
        ServedVersion(_GROUP, "v1", _DEFINITION),
        _older("v1beta1", "io.k8s.api.certificates.v1beta1.ClusterTrustBundle", "1.37", "1.40"),
        _older("v1alpha1", _ALPHA, "1.34", "1.37"),
    ),
    namespaced=False,
    columns=(
        NAME,
        Column("SignerName", text("spec", "signerName", default=NONE), description="Whose authorities these are."),
    ),
    definitions=_define_alpha,
    name_rule="path-segment",
    validate=_validate,
    validate_create=_validate_create,
    validate_update=_validate_update,
    slow_validation=True,  # there is room for a thousand certificates
    selectable_fields={"spec.signerName": signer_of},
    has_status=False,
    has_generation=False,
    allow_unconditional_update=False,
)
