"""The subresources that belong to particular kinds, and the handlers of kinds that are answered, never stored."""

from collections.abc import Mapping

from sampan.apiserver.services import Verb
from sampan.apiserver.subresources import (
    access_reviews,
    binding,
    certificate_requests,
    component_statuses,
    ephemeral_containers,
    eviction,
    finalize,
    pod_certificates,
    proxies,
    resize,
    rollback,
    streams,
    token,
    usage,
)
from sampan.apiserver.subresources import identity_reviews as identity
from sampan.apiserver.subresources.subresource import Subresource
from sampan.apiserver.verbs.get import get

_AUTHORIZATION = "authorization.k8s.io"
_AUTHENTICATION = "authentication.k8s.io"
_CERTIFICATES = "certificates.k8s.io"
_METRICS = "metrics.k8s.io"


def _proxy(verb: Verb, kind: str) -> Subresource:
    verbs = dict.fromkeys(("create", "delete", "get", "patch", "update"), verb)
    return Subresource(verbs, kind, "", "v1", any_method=True)


# (group, plural/subresource) -> subresource; the name is empty for the resource itself
LISTED: Mapping[tuple[str, str], Subresource] = {
    ("", "namespaces/finalize"): Subresource({"update": finalize.finalize}),
    ("", "bindings"): Subresource({"create": binding.bind}),
    ("", "componentstatuses"): Subresource({"get": component_statuses.get, "list": component_statuses.list_all}),
    ("", "pods/binding"): Subresource({"create": binding.bind}, "Binding", "", "v1"),
    ("", "pods/ephemeralcontainers"): Subresource(
        {"get": get, "patch": ephemeral_containers.patch, "update": ephemeral_containers.update}
    ),
    ("", "pods/resize"): Subresource({"get": get, "patch": resize.patch, "update": resize.update}),
    ("", "pods/eviction"): Subresource({"create": eviction.evict}, "Eviction", "policy", "v1"),
    ("", "pods/log"): Subresource({"get": streams.log}),
    ("", "pods/exec"): Subresource({"create": streams.execute, "get": streams.execute}, "PodExecOptions", "", "v1"),
    ("", "pods/attach"): Subresource({"create": streams.attach, "get": streams.attach}, "PodAttachOptions", "", "v1"),
    ("", "pods/portforward"): Subresource(
        {"create": streams.portforward, "get": streams.portforward}, "PodPortForwardOptions", "", "v1"
    ),
    ("", "pods/proxy"): _proxy(proxies.pod, "PodProxyOptions"),
    ("", "services/proxy"): _proxy(proxies.service, "ServiceProxyOptions"),
    ("", "nodes/proxy"): _proxy(proxies.node, "NodeProxyOptions"),
    ("", "serviceaccounts/token"): Subresource(
        {"create": token.create_token}, "TokenRequest", "authentication.k8s.io", "v1"
    ),
    ("extensions", "deployments/rollback"): Subresource(
        {"create": rollback.rollback}, "DeploymentRollback", "extensions", "v1beta1"
    ),
    ("apps", "deployments/rollback"): Subresource(
        {"create": rollback.rollback}, "DeploymentRollback", "apps", "v1beta1", only="v1beta1"
    ),
    (_CERTIFICATES, "certificatesigningrequests/approval"): certificate_requests.REQUEST_APPROVAL,
    (_CERTIFICATES, "certificatesigningrequests/status"): certificate_requests.REQUEST_STATUS,
    (_CERTIFICATES, "podcertificaterequests/status"): pod_certificates.STATUS,
    (_METRICS, "pods"): Subresource({"get": usage.get_pod, "list": usage.list_pods}),
    (_METRICS, "nodes"): Subresource({"get": usage.get_node, "list": usage.list_nodes}),
    (_AUTHORIZATION, "subjectaccessreviews"): Subresource({"create": access_reviews.subject}),
    (_AUTHORIZATION, "localsubjectaccessreviews"): Subresource({"create": access_reviews.subject}),
    (_AUTHORIZATION, "selfsubjectaccessreviews"): Subresource({"create": access_reviews.self_subject}),
    (_AUTHORIZATION, "selfsubjectrulesreviews"): Subresource({"create": access_reviews.self_rules}),
    (_AUTHENTICATION, "tokenreviews"): Subresource({"create": identity.token_review}),
    (_AUTHENTICATION, "selfsubjectreviews"): Subresource({"create": identity.self_subject_review}),
}
