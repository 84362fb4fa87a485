"""Which claims a pod has. Pure; texts are upstream's."""

from collections.abc import Callable, Iterator

from sampan.machinery.meta import Key, Object, controller_of, is_deleting, key_of

ClaimOf = Callable[[Key], Object | None]


def entries(pod: Object) -> list[Object]:
    """What it asks for: spec.resourceClaims."""
    return pod["spec"].get("resourceClaims") or []


def names(pod: Object) -> Iterator[str]:
    """The names of those of its claims that are known already."""
    for entry in entries(pod):
        if name := entry.get("resourceClaimName") or _made(pod, entry):
            yield name


def claims_of(pod: Object, claim_of: ClaimOf) -> list[Object] | str:
    """Its claims, or why it can't have a node yet."""
    found = []
    for entry in entries(pod):
        claim = _claim(pod, entry, claim_of)
        if isinstance(claim, str):
            return claim
        if claim is not None:
            found.append(claim)
    return found


def is_reserved(claim: Object, uid: str) -> bool:
    """Whether a claim is reserved for the pod of this uid."""
    return any(one.get("uid") == uid for one in (claim.get("status") or {}).get("reservedFor") or ())


def allocation_of(claim: Object) -> Object | None:
    """What a claim has got."""
    found: Object | None = (claim.get("status") or {}).get("allocation")
    return found


def _claim(pod: Object, entry: Object, claim_of: ClaimOf) -> Object | str | None:
    """The claim behind an entry; None where none is needed."""
    key, name = key_of(pod), entry.get("resourceClaimName")
    if not name and not entry.get("resourceClaimTemplateName"):
        return f'pod "{key}", spec.resourceClaim "{entry["name"]}": none of the supported fields are set'
    if not name and (name := _made(pod, entry)) is None:
        return f'pod "{key}": ResourceClaim not created yet'
    if not name:
        return None
    claim = claim_of(Key(key.namespace, name))
    if claim is None:
        return f'could not find ResourceClaim "{key.namespace}/{name}"'
    if is_deleting(claim):
        return f'resourceclaim "{name}" is being deleted'
    if not entry.get("resourceClaimName"):
        owner = controller_of(claim)
        if owner is None or owner.uid != pod["metadata"].get("uid"):
            return f"ResourceClaim {key_of(claim)} was not created for Pod {key} (Pod is not owner)"
    return claim


def _made(pod: Object, entry: Object) -> str | None:
    """What has been made from an entry's template: "" where nothing is needed, None where it is yet to be made."""
    for told in (pod.get("status") or {}).get("resourceClaimStatuses") or ():
        if told.get("name") == entry["name"]:
            return told.get("resourceClaimName") or ""
    return None
