"""An AuthorizationConfiguration as values. All versions are the same: k8s.io/apiserver/pkg/apis/apiserver/v1."""

from dataclasses import dataclass

NODE, RBAC, ABAC, WEBHOOK = "Node", "RBAC", "ABAC", "Webhook"
ALWAYS_ALLOW, ALWAYS_DENY = "AlwaysAllow", "AlwaysDeny"
MODES = (ALWAYS_ALLOW, ALWAYS_DENY, ABAC, WEBHOOK, RBAC, NODE)
NO_OPINION, DENY = "NoOpinion", "Deny"
KUBECONFIG_FILE, IN_CLUSTER = "KubeConfigFile", "InClusterConfig"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfiguration:
    """Whom to ask, when, and what his silence means. Times are seconds, None where nothing is said."""

    authorized_ttl: float = 300
    unauthorized_ttl: float = 30
    cache_authorized: bool = True
    cache_unauthorized: bool = True
    timeout: float = 0
    version: str = ""  # of the SubjectAccessReview that is sent
    condition_version: str = ""  # of the one that match conditions see
    failure_policy: str = ""
    connection: str = ""
    kubeconfig: str | None = None
    match_conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorizerConfiguration:
    """One of the chain."""

    type: str
    name: str
    webhook: WebhookConfiguration | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationConfiguration:
    """The chain."""

    authorizers: tuple[AuthorizerConfiguration, ...] = ()


def name_of_mode(mode: str) -> str:
    """What an authorizer that is no webhook is called."""
    return mode.lower()
