"""The approval that definitions of Kubernetes's own groups need: the annotation api-approved.kubernetes.io (KEP-1111).

Called by crd_validation.py, and by who sets the condition KubernetesAPIApprovalPolicyConformant.
Upstream: pkg/apihelpers.
"""

from typing import Literal

from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.urls import is_request_uri

ANNOTATION = "api-approved.kubernetes.io"
State = Literal["approved", "bypassed", "missing", "invalid"]

_SEE = "see https://github.com/kubernetes/enhancements/pull/1111"
_NEED = f'protected groups must have approval annotation "{ANNOTATION}"'


def is_protected(group: str) -> bool:
    """Whether a group is Kubernetes's own."""
    return any(group == domain or group.endswith(f".{domain}") for domain in ("k8s.io", "kubernetes.io"))


def approval_of(crd: Object) -> tuple[State, str]:
    """The state of a definition's approval, and why it is in it."""
    text = annotations_of(crd).get(ANNOTATION) or ""
    if not text:
        return "missing", f"{_NEED}, {_SEE}"
    if text.startswith("unapproved"):
        return "bypassed", f'not approved: "{text}"'
    scheme, _, rest = text.partition("://")
    if is_request_uri(text) and scheme.isalpha() and rest.partition("/")[0]:
        return "approved", f"approved in {text}"
    return "invalid", f'{_NEED} with either a URL or a reason starting with "unapproved", {_SEE}'
