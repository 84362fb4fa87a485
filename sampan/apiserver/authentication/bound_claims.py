"""Whether what a ServiceAccount token claims still holds: its time, its account, and the object that it is bound to.

Rules and words: k8s.io/kubernetes/pkg/serviceaccount (validator.Validate). Called by service_account.py.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sampan.apiserver.authentication.attempt import Attempt, Refused
from sampan.apiserver.authentication.lookup import Lookup
from sampan.apiserver.authentication.token_metrics import STALE
from sampan.apiserver.authentication.user import CREDENTIAL_ID, User, service_account
from sampan.machinery.meta import Object, parse_time

_LEEWAY = timedelta(minutes=1)  # of clocks, and after a deletion
_INVALIDATED = "service account token has been invalidated"
_PREFIX = "authentication.kubernetes.io"

Claims = Mapping[str, Any]


def user(claims: Claims, lookup: Lookup, attempt: Attempt) -> User:
    """The ServiceAccount that the token speaks for. Raises Refused."""
    _check_time(claims, attempt.now)
    private = claims.get("kubernetes.io") or {}
    namespace, account = private.get("namespace") or "", private.get("serviceaccount") or {}
    _check_account(lookup("serviceaccounts", namespace, account.get("name") or ""), namespace, account, attempt.now)
    secret, pod, node = private.get("secret"), private.get("pod"), private.get("node")
    if secret:
        _check_bound(lookup("secrets", namespace, secret["name"]), "secret", secret, attempt.now)
    if pod:
        _check_bound(lookup("pods", namespace, pod["name"]), "pod", pod, attempt.now)
    elif node:  # beside a pod it only says where that was
        _check_bound(lookup("nodes", "", node["name"]), "node", node, attempt.now)
    _note_age(claims, private.get("warnafter"), attempt)
    return service_account(namespace, account["name"], account["uid"], _extra(claims, pod, node))


def _check_time(claims: Claims, now: datetime) -> None:
    early, late = (now - _LEEWAY).timestamp(), (now + _LEEWAY).timestamp()
    if late < (claims.get("nbf") or 0):
        raise Refused("service account token is not valid yet")
    if claims.get("exp") is not None and early > claims["exp"]:
        raise Refused("service account token has expired")
    if late < (claims.get("iat") or 0):
        raise Refused("service account token is issued in the future")


def _check_account(found: Object | None, namespace: str, claimed: Claims, now: datetime) -> None:
    name = claimed.get("name") or ""
    if found is None:
        raise Refused(f'serviceaccounts "{name}" not found')
    uid = found["metadata"]["uid"]
    if uid != claimed.get("uid"):
        raise Refused(f"service account UID ({uid}) does not match claim ({claimed.get('uid') or ''})")
    if _is_gone(found, now):
        raise Refused(f"service account {namespace}/{name} has been deleted")


def _check_bound(found: Object | None, kind: str, claimed: Claims, now: datetime) -> None:
    if found is None:
        raise Refused(_INVALIDATED)
    uid, expected = found["metadata"]["uid"], claimed.get("uid") or ""
    if uid != expected:
        raise Refused(f"{kind} UID ({uid}) does not match service account {kind} ref claim ({expected})")
    if _is_gone(found, now):
        raise Refused(_INVALIDATED)


def _is_gone(found: Object, now: datetime) -> bool:
    deleted = found["metadata"].get("deletionTimestamp")
    return bool(deleted) and parse_time(deleted) < now - _LEEWAY


def _note_age(claims: Claims, warn_after: Any, attempt: Attempt) -> None:
    """For the audit log: a pod's token that is used after the time for which it was asked."""
    late = int(attempt.now.timestamp()) - int(warn_after) if warn_after else 0
    if late > 0:
        text = f"subject: {claims.get('sub')}, seconds after warning threshold: {late}"
        attempt.annotations[STALE] = text


def _extra(claims: Claims, pod: Claims | None, node: Claims | None) -> dict[str, tuple[str, ...]]:
    extra: dict[str, tuple[str, ...]] = {}
    if claims.get("jti"):
        extra[CREDENTIAL_ID] = (f"JTI={claims['jti']}",)
    if pod and pod.get("name") and pod.get("uid"):
        extra[f"{_PREFIX}/pod-name"], extra[f"{_PREFIX}/pod-uid"] = (pod["name"],), (pod["uid"],)
    if node and node.get("name"):
        extra[f"{_PREFIX}/node-name"] = (node["name"],)
        if node.get("uid"):
            extra[f"{_PREFIX}/node-uid"] = (node["uid"],)
    return extra
