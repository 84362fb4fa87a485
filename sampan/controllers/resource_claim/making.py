"""The claim that is made from a template for one entry of a pod. Pure; called by controller.py."""

from collections.abc import Iterable

from sampan.kinds.resource.resource_claim import KIND as CLAIM
from sampan.machinery.meta import Object, annotations_of, controller_ref

ENTRY = "resource.kubernetes.io/pod-claim-name"
_LONGEST = 57  # of a name's beginning: a hyphen and five characters come after it


def made_from(template: Object, pod: Object, entry: str) -> Object:
    """A new claim that the pod owns; the API server ends its name."""
    spec, meta = template["spec"], pod["metadata"]
    given = spec.get("metadata") or {}
    labels = {"labels": given["labels"]} if given.get("labels") else {}
    owner = {name: value for name, value in controller_ref(pod).items() if name != "blockOwnerDeletion"}
    return {
        "apiVersion": CLAIM.api_version,
        "kind": CLAIM.name,
        "metadata": {
            **labels,
            "annotations": {**(given.get("annotations") or {}), ENTRY: entry},
            "generateName": beginning(meta["name"], entry),
            "namespace": meta["namespace"],
            "ownerReferences": [owner],
        },
        "spec": spec["spec"],
    }


def beginning(pod: str, entry: str) -> str:
    """How its name begins: where that would be too long, both parts are cut in proportion."""
    whole = f"{pod}-{entry}-"
    if len(whole) <= _LONGEST:
        return whole
    return f"{pod[: len(pod) * _LONGEST // len(whole)]}-{entry[: len(entry) * _LONGEST // len(whole)]}"


def orphan(claims: Iterable[Object], entry: str) -> Object | None:
    """Of the claims that a pod owns, the one made for an entry: it has been made, but the pod does not say so yet."""
    return next((claim for claim in claims if annotations_of(claim).get(ENTRY) == entry), None)
