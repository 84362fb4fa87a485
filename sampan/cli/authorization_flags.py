"""The flags of `sampan up` that say who may do what: kube-apiserver's, by their names there.

They go to cluster/authorization.py as they are given. Called by up.py.
"""

from sampan.cli.flag_table import DURATION, FILE, LIST, TEXT, Flag

_TTL = "how long its answers are kept"
AUTHORIZATION = (
    Flag("authorization-config", FILE, "an AuthorizationConfiguration: which authorizers are asked, in which order"),
    Flag(
        "authorization-mode",
        LIST,
        "the same in short: AlwaysAllow,AlwaysDeny,ABAC,Webhook,RBAC,Node (default: Node,RBAC)",
    ),
    Flag("authorization-policy-file", FILE, "what mode ABAC goes by, a JSON object a line"),
    Flag("authorization-webhook-cache-authorized-ttl", DURATION, f"{_TTL} that are a yes (default: 5m)"),
    Flag("authorization-webhook-cache-unauthorized-ttl", DURATION, f"{_TTL} that are none (default: 30s)"),
    Flag("authorization-webhook-config-file", FILE, "a kubeconfig of whom mode Webhook asks"),
    Flag("authorization-webhook-version", TEXT, "of the SubjectAccessReviews it is sent: v1beta1 (default) or v1"),
)
