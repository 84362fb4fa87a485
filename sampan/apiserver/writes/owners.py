"""metadata.ownerReferences: what a client sends twice is kept once, and it is told.

Rules and texts: k8s.io/apiserver/pkg/endpoints/handlers (dedupOwnerReferencesAndAddWarning).
"""

from sampan.machinery.meta import Object

_SENT = ".metadata.ownerReferences contains duplicate entries"
_ADMITTED = f"{_SENT} after mutating admission happens"
_ADVICE = (
    "API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; "
    "please fix your requests; duplicate UID(s) observed:"
)


def drop_duplicates(obj: Object, warnings: list[str], *, admitted: bool = False) -> None:
    """Take away, in place, owner references that are there twice; `admitted`: after the plugins had their turn."""
    meta = obj.get("metadata") or {}
    owners = meta.get("ownerReferences")
    if not owners or len(owners) == 1:
        return
    kept: list[Object] = []
    repeated: list[str] = []
    for owner in owners:
        if owner in kept:
            repeated.append(owner.get("uid") or "")
        else:
            kept.append(owner)
    if repeated:
        meta["ownerReferences"] = kept
        warnings.append(f"{_ADMITTED if admitted else _SENT}; {_ADVICE} {', '.join(repeated)}")
