"""What is wrong with the devices that a pod asks for: its resource claims, and its containers' references to them.

Rules and texts: k8s.io/kubernetes/pkg/apis/core/validation (validatePodResourceClaim, validateResourceClaimNames).
"""

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.names import dns_label, dns_subdomain
from sampan.machinery.validation import Path, check, duplicate, invalid, not_found, required

_FIELDS = ("resourceClaimName", "resourceClaimTemplateName")
_SEVERAL = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
_NEITHER = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"


def validate_pod_claims(claims: list[Object], path: Path) -> Errors:
    """spec.resourceClaims: each of a name of its own, and of a claim or a template."""
    seen = set()
    for index, claim in enumerate(claims):
        at, name = path.index(index), claim.get("name") or ""
        if not name:
            yield required(at.child("name"))
        elif name in seen:
            yield duplicate(at.child("name"), name)
        else:
            yield from check(at.child("name"), name, dns_label(name))
        seen.add(name)
        yield from _source(claim, at)


def _source(claim: Object, path: Path) -> Errors:
    given = [field for field in _FIELDS if claim.get(field) is not None]
    if len(given) != 1:
        yield invalid(path, claim, _SEVERAL if given else _NEITHER)
    for field in given:
        yield from check(path.child(field), claim[field], dns_subdomain(claim[field]))


def validate_container_claims(claims: list[Object], names: frozenset[str], path: Path) -> Errors:
    """A container's resources.claims: claims of the pod, whole or by request, and none of it twice."""
    seen: set[str] = set()
    partly: set[str] = set()  # of which single requests are among those seen
    for index, claim in enumerate(claims):
        at, name, request = path.index(index), claim.get("name") or "", claim.get("request") or ""
        if not name:
            yield required(at)
            continue
        if request:
            yield from check(at.child("request"), request, dns_label(request))
        key = f"{name}/{request}" if request else name
        if name in seen or key in seen or (not request and name in partly):
            yield duplicate(at, name if name in seen else key)
        seen.add(key)
        partly |= {key.partition("/")[0]} if "/" in key else set()
        if name not in names:
            yield not_found(at, name, _unknown(names))


def _unknown(names: frozenset[str]) -> str:
    told = "must be one of the names in pod.spec.resourceClaims"
    return f"{told}: {', '.join(sorted(names))}" if names else f"{told} which is empty"
