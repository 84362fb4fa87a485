"""ServiceAccount tokens that Secrets hold, from before tokens had an end: names, labels, and what they claim. Pure.

Called by the API server, which believes them, and by the controllers that make them and clean them up. Rules:
k8s.io/kubernetes/pkg/serviceaccount (legacy.go); KEP-2799.
"""

from datetime import date
from typing import Any

from sampan.kinds.core.secret import SERVICE_ACCOUNT_NAME, SERVICE_ACCOUNT_TOKEN
from sampan.machinery.meta import Object, annotations_of

ISSUER = "kubernetes/serviceaccount"
SERVICE_ACCOUNT_UID = "kubernetes.io/service-account.uid"
LAST_USED = "kubernetes.io/legacy-token-last-used"  # labels of the Secret, both a day
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"
TRACKING = "kube-apiserver-legacy-service-account-token-tracking"  # ConfigMap in kube-system: `since` when it is noted
CLAIM = "kubernetes.io/serviceaccount"


def claims(account: Object, secret: Object) -> dict[str, Any]:
    """What the token of a Secret says."""
    namespace, name = account["metadata"]["namespace"], account["metadata"]["name"]
    return {
        "iss": ISSUER,
        f"{CLAIM}/namespace": namespace,
        f"{CLAIM}/secret.name": secret["metadata"]["name"],
        f"{CLAIM}/service-account.name": name,
        f"{CLAIM}/service-account.uid": account["metadata"]["uid"],
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }


def account_of(secret: Object) -> tuple[str, str] | None:
    """The name of the ServiceAccount of a token, and its uid where that is told; None for any other Secret."""
    notes = annotations_of(secret)
    if secret.get("type") != SERVICE_ACCOUNT_TOKEN or not notes.get(SERVICE_ACCOUNT_NAME):
        return None
    return notes[SERVICE_ACCOUNT_NAME], notes.get(SERVICE_ACCOUNT_UID) or ""


def is_of(secret: Object, account: Object) -> bool:
    """Whether a Secret is a token of this ServiceAccount, not of another that had its name."""
    owner, meta = account_of(secret), account["metadata"]
    return owner is not None and owner[0] == meta["name"] and owner[1] in ("", meta["uid"])


def names_secret(account: Object, name: str) -> bool:
    """Whether the ServiceAccount lists a Secret of that name."""
    return any(ref.get("name") == name for ref in account.get("secrets") or ())


def day_of(text: str) -> date | None:
    """The day that a label names; None where it names none."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
