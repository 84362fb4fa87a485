"""What a request to the kubelet's API asks for, in the words of authorization: a verb and subresources of its node, of
which one is enough. Pure.

Rules: k8s.io/kubernetes/pkg/kubelet/server/auth.go and KEP-2862 (fine-grained authorization).
"""

_VERBS = {"POST": "create", "GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

# The first part of the path -> what may be allowed by itself, and what is allowed by nodes/proxy as well.
_FINE_GRAINED = {"pods": "pods", "runningpods": "pods", "healthz": "healthz", "configz": "configz"}
_OF_THEIR_OWN = {"stats": "stats", "metrics": "metrics", "logs": "log", "checkpoint": "checkpoint"}


def verb_of(method: str) -> str:
    """The verb; empty where a method has none, which only a rule for every verb allows."""
    return _VERBS.get(method, "")


def subresources_of(path: str) -> tuple[str, ...]:
    """The subresources of the node, any of which lets the request in."""
    first = path.removeprefix("/").partition("/")[0]
    if first in _OF_THEIR_OWN:
        return (_OF_THEIR_OWN[first],)
    fine = _FINE_GRAINED.get(first)
    return (fine, "proxy") if fine else ("proxy",)
