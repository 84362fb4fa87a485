"""Names of signers, `domain/path`, and those that Kubernetes has itself.

Rules and texts: k8s.io/kubernetes/pkg/apis/core/validation (ValidateSignerName), docs, "Certificates and Certificate
Signing Requests".
"""

from sampan.kinds.checks import Errors
from sampan.machinery.names import Check, dns_label, dns_subdomain
from sampan.machinery.validation import Path, invalid, required, too_long

API_SERVER_CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY_UNKNOWN = "kubernetes.io/legacy-unknown"
API_SERVER_SERVING = "kubernetes.io/kube-apiserver-serving"  # signs no requests, and publishes whom to trust

_MAX_DOMAIN, _MAX_LABEL = 253, 63
_MAX_NAME = _MAX_DOMAIN + 1 + _MAX_LABEL + 1 + _MAX_DOMAIN  # a domain, a namespace and a name


def is_kubernetes(signer: str) -> bool:
    """Whether the name is reserved for Kubernetes itself."""
    domain = signer.partition("/")[0]
    return domain == "kubernetes.io" or domain.endswith(".kubernetes.io")


def validate_signer_name(signer: str | None, path: Path) -> Errors:
    """A name that is needed."""
    if not signer:
        yield required(path)
        return
    if signer.count("/") != 1:
        yield invalid(path, signer, "must be a fully qualified domain and path of the form 'example.com/signer-name'")
        return
    domain, _, rest = signer.partition("/")
    if len(domain.encode(errors="replace")) > _MAX_DOMAIN:
        yield too_long(path, _MAX_DOMAIN)
    yield from _labels(domain, path, dns_label)
    if "." not in domain:
        yield invalid(path, domain, "should be a domain with at least two segments separated by dots")
    yield from _labels(rest, path, dns_subdomain)
    if len(signer.encode(errors="replace")) > _MAX_NAME:
        yield too_long(path, _MAX_NAME)


def _labels(part: str, path: Path, rule: Check) -> Errors:
    """The errors of the first bad label: those of the others would read the same."""
    for label in part.split("."):
        if wrong := rule(label):
            for text in wrong:
                yield invalid(path, part, f'validating label "{label}": {text}')
            return
