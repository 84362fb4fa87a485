"""Bootstrap tokens: Secrets in kube-system by which a machine without credentials makes itself known. Pure.

Called by the API server, which authenticates by them, and by the controllers that sign with them and clean them up.
Rules: docs, Authenticating with Bootstrap Tokens; k8s.io/cluster-bootstrap/util/secrets.
"""

import base64
import binascii
import re
from datetime import datetime

from sampan.machinery.meta import Object, parse_time

TYPE = "bootstrap.kubernetes.io/token"
NAMESPACE = "kube-system"
NAME_PREFIX = "bootstrap-token-"
DEFAULT_GROUP = "system:bootstrappers"

_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")
_NAME = re.compile(NAME_PREFIX + r"([a-z0-9]{6})")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)")  # RFC 3339


def split(token: str) -> tuple[str, str] | None:
    """The id and the secret of a token; None where it has not the form of one."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2]) if found else None


def value(secret: Object, key: str) -> str:
    """One entry of the data, as text; empty where there is none."""
    try:
        return base64.b64decode((secret.get("data") or {}).get(key) or "").decode(errors="replace")
    except binascii.Error:
        return ""


def expires_in(secret: Object, now: datetime) -> float | None:
    """Seconds that are left, 0 or less where it has expired or says what is no time; None: it does not expire."""
    text = value(secret, "expiration")
    if not text:
        return None
    try:
        return (parse_time(text) - now).total_seconds() if _MOMENT.fullmatch(text) else 0
    except ValueError:
        return 0


def is_expired(secret: Object, now: datetime) -> bool:
    """Whether the token is good no more."""
    left = expires_in(secret, now)
    return left is not None and left <= 0


def groups(secret: Object) -> tuple[str, ...] | None:
    """The groups of who bears the token, sorted; None where it names one that it may not."""
    extra = value(secret, "auth-extra-groups")
    names = extra.split(",") if extra else []
    if not all(_GROUP.fullmatch(name) for name in names):
        return None
    return tuple(sorted({DEFAULT_GROUP, *names}))


def signing_key(secret: Object, now: datetime) -> tuple[str, str] | None:
    """The id and secret of a token that may sign the cluster's information; None where it may not."""
    named = _NAME.fullmatch(secret["metadata"]["name"])
    id_, key = value(secret, "token-id"), value(secret, "token-secret")
    may_sign = value(secret, "usage-bootstrap-signing") == "true" and not is_expired(secret, now)
    return (id_, key) if named and named[1] == id_ and key and may_sign else None
