"""Bootstrap tokens as credentials: `id.secret`, kept in a Secret of kube-system, makes a user of system:bootstrappers.

Rules: k8s.io/kubernetes/plugin/pkg/auth/authenticator/token/bootstrap. Called by tokens.py.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest

from sampan.apiserver.authentication.attempt import Attempt, Verified, common
from sampan.apiserver.authentication.lookup import Lookup
from sampan.apiserver.authentication.user import authenticated
from sampan.kinds.core import bootstrap_token as tokens
from sampan.machinery.meta import Object

log = logging.getLogger(__name__)


class BootstrapTokens:
    """Looks the Secret up each time."""

    def __init__(self, lookup: Lookup, audiences: Sequence[str]) -> None:
        self._lookup = lookup
        self._audiences = audiences

    def authenticate(self, token: str, attempt: Attempt) -> Verified | None:
        """The user of a token that is kept and good; for every other one somebody else may know better."""
        parts, audiences = tokens.split(token), common(self._audiences, attempt.audiences)
        if parts is None or not audiences:
            return None
        id_, offered = parts
        secret = self._lookup("secrets", tokens.NAMESPACE, tokens.NAME_PREFIX + id_)
        if secret is None:
            return None
        if why := _unfit(secret, id_, offered, attempt.now):
            log.debug("bootstrap secret %s matching bearer token %s", secret["metadata"]["name"], why)
            return None
        user = authenticated(f"system:bootstrap:{id_}", tokens.groups(secret) or ())
        return Verified(user, audiences)


def _unfit(secret: Object, id_: str, offered: str, now: datetime) -> str:
    """Why a Secret does not vouch for the token; empty where it does."""
    if secret["metadata"].get("deletionTimestamp"):
        return "is deleted and awaiting removal"
    if secret.get("type") != tokens.TYPE:
        return f"has invalid type, expected {tokens.TYPE}"
    if not compare_digest(tokens.value(secret, "token-secret").encode(), offered.encode()):
        return "has invalid value for key token-secret"
    if tokens.value(secret, "token-id") != id_:
        return "has invalid value for key token-id"
    if tokens.is_expired(secret, now):
        return "has expired"
    if tokens.value(secret, "usage-bootstrap-authentication") != "true":
        return "is not marked usage-bootstrap-authentication=true"
    return "has invalid value for key auth-extra-groups" if tokens.groups(secret) is None else ""
