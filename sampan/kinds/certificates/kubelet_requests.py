"""What makes a request that of a kubelet: for its certificate as a client, and for that of its server.

Asked by v1beta1, which guesses signers; by the approver; and by the signers, which refuse everything else. Rules and
texts: k8s.io/kubernetes/pkg/apis/certificates (ValidateKubeletClientCSR, ValidateKubeletServingCSR).
"""

from collections.abc import Iterable

from sampan.kinds.certificates.pkcs10 import CertificateRequest

_NODES, _NODE = "system:nodes", "system:node:"
_ENCIPHERMENT = "key encipherment"
_CLIENT = frozenset({"client auth", "digital signature", _ENCIPHERMENT})
_SERVING = frozenset({"digital signature", _ENCIPHERMENT, "server auth"})

_ORGANIZATION = f"subject organization is not {_NODES}"
_COMMON_NAME = f"subject common name does not begin with {_NODE}"


def client_error(request: CertificateRequest, usages: Iterable[str]) -> str:
    """What keeps a request from being a kubelet's for a client certificate, or ""."""
    if list(request.organizations) != [_NODES]:
        return _ORGANIZATION
    for found, shown in (
        (request.dns_names, "DNS"),
        (request.emails, "Email"),
        (request.addresses, "IP"),
        (request.uris, "URI"),
    ):
        if found:
            return f"{shown} subjectAltNames are not allowed"
    if not request.common_name.startswith(_NODE):
        return _COMMON_NAME
    return _usages_error(usages, _CLIENT)


def serving_error(request: CertificateRequest, usages: Iterable[str]) -> str:
    """What keeps a request from being a kubelet's for the certificate of its server, or ""."""
    if list(request.organizations) != [_NODES]:
        return _ORGANIZATION
    if not request.dns_names and not request.addresses:
        return "DNS or IP subjectAltName is required"
    for found, shown in ((request.emails, "Email"), (request.uris, "URI")):
        if found:
            return f"{shown} subjectAltNames are not allowed"
    if wrong := _usages_error(usages, _SERVING):
        return wrong
    return "" if request.common_name.startswith(_NODE) else _COMMON_NAME


def _usages_error(usages: Iterable[str], wanted: frozenset[str]) -> str:
    """Keys that cannot encipher, as ECDSA's, need not say that they do."""
    if set(usages) in (wanted, wanted - {_ENCIPHERMENT}):
        return ""
    return f"usages did not match [{' '.join(sorted(wanted))}]"
