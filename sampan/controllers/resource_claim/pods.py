"""Which claims a pod has, and what is to be done for it. Pure; called by controller.py."""

from collections.abc import Callable, Iterator

from sampan.controllers.pods import is_finished
from sampan.machinery.meta import Key, Object, controller_of, is_deleting

ClaimOf = Callable[[str], Object | None]  # a claim of the pod's namespace, by name


def entries(pod: Object) -> list[Object]:
    """What the pod asks for: spec.resourceClaims."""
    return pod["spec"].get("resourceClaims") or []


def name_of(pod: Object, entry: Object) -> str | None:
    """The name of the claim behind an entry: "" where none is needed, None where it has not been made yet."""
    if entry.get("resourceClaimName"):
        return str(entry["resourceClaimName"])
    for told in _statuses(pod):
        if told.get("name") == entry["name"]:
            return told.get("resourceClaimName") or ""
    return None


def is_generated(entry: Object) -> bool:
    """Whether the claim behind an entry is made from a template, so that it must be the pod's own."""
    return not entry.get("resourceClaimName") and bool(entry.get("resourceClaimTemplateName"))


def has_claims(pod: Object) -> bool:
    """Whether there is anything to do for a pod at all."""
    return bool(entries(pod) or _extended(pod))


def named(pod: Object) -> Iterator[tuple[str, bool]]:
    """The names of all claims that a pod has already, and whether they must be its own; with that for extended
    resources."""
    for entry in entries(pod):
        if name := name_of(pod, entry):
            yield name, is_generated(entry)
    if name := _extended(pod):
        yield name, True


def claims(pod: Object) -> Iterator[Key]:
    """The claims of `named`."""
    return (Key(pod["metadata"]["namespace"], name) for name, _ in named(pod))


def templates(pod: Object) -> Iterator[Key]:
    """The templates that a pod names."""
    for entry in entries(pod):
        if is_generated(entry):
            yield Key(pod["metadata"]["namespace"], entry["resourceClaimTemplateName"])


def _statuses(pod: Object) -> list[Object]:
    return (pod.get("status") or {}).get("resourceClaimStatuses") or []


def _extended(pod: Object) -> str:
    return ((pod.get("status") or {}).get("extendedResourceClaimStatus") or {}).get("resourceClaimName") or ""


def is_done(pod: Object) -> bool:
    """Whether a pod runs no more, or never will: it needs no claims."""
    return is_finished(pod) or (is_deleting(pod) and not pod["spec"].get("nodeName"))


def owns(pod: Object, claim: Object) -> bool:
    """Whether a claim has been made for a pod."""
    owner = controller_of(claim)
    return owner is not None and owner.uid == pod["metadata"]["uid"]


def needs_work(pod: Object, claim_of: ClaimOf) -> bool:
    """Whether claims have to be made for a pod, or reserved, as nobody does it for a pod that was bound by hand."""
    if is_deleting(pod):
        return False
    return any(_is_missing(pod, entry, claim_of) for entry in entries(pod)) or any(to_reserve(pod, claim_of))


def _is_missing(pod: Object, entry: Object, claim_of: ClaimOf) -> bool:
    name = name_of(pod, entry)
    return is_generated(entry) and (name is None or (name != "" and claim_of(name) is None))


def to_reserve(pod: Object, claim_of: ClaimOf) -> Iterator[Object]:
    """The allocated claims of a pod on a node that are not reserved for it; not those of others."""
    if not pod["spec"].get("nodeName"):
        return
    for entry in entries(pod):
        claim = claim_of(name_of(pod, entry) or "")
        if claim is None or (is_generated(entry) and not owns(pod, claim)):
            continue
        if (claim.get("status") or {}).get("allocation") is not None and not is_reserved(pod, claim):
            yield claim


def is_reserved(pod: Object, claim: Object) -> bool:
    """Whether a claim is reserved for a pod."""
    reserved = (claim.get("status") or {}).get("reservedFor") or ()
    return any(one.get("uid") == pod["metadata"]["uid"] for one in reserved)


def reserved(claim: Object, pod: Object) -> Object:
    """The claim with the pod among those that it is reserved for."""
    meta, status = pod["metadata"], claim["status"]
    consumer = {"resource": "pods", "name": meta["name"], "uid": meta["uid"]}
    return {**claim, "status": {**status, "reservedFor": [*(status.get("reservedFor") or ()), consumer]}}


def statuses(pod: Object, made: dict[str, str]) -> list[Object]:
    """The pod's status.resourceClaimStatuses with names of claims that have been made, by the names of entries."""
    known = {told["name"]: told["resourceClaimName"] for told in _statuses(pod) if told.get("resourceClaimName")}
    return [{"name": name, "resourceClaimName": claim} for name, claim in sorted((known | made).items())]
