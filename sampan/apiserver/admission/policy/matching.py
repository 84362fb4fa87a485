"""MatchResources: which requests a policy or a binding is about.

Upstream: k8s.io/apiserver/pkg/admission/plugin/policy/matching.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sampan.apiserver.admission.dynamic.rules import Place, Rule, matched_place
from sampan.apiserver.admission.dynamic.selecting import Selectors, selected, selectors_of
from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.machinery.meta import Object


class Matching(NamedTuple):
    """MatchResources, parsed."""

    rules: Sequence[Rule]  # empty: everything
    excluded: Sequence[Rule]
    policy: str
    selectors: Selectors


def matching_of(resources: Object | None) -> Matching:
    """Those of a policy (matchConstraints) or a binding (matchResources)."""
    tree = resources or {}
    return Matching(
        tree.get("resourceRules") or (),
        tree.get("excludeResourceRules") or (),
        tree.get("matchPolicy") or "Equivalent",
        selectors_of(tree),
    )


def matched(matching: Matching, versions: Versions) -> Place | None:
    """The version in which the object is looked at, None where it is none of its business. Raises NotFound."""
    target, places = versions.target, versions.places
    if matching.excluded and matched_place(matching.excluded, matching.policy, target, places):
        return None
    place = matched_place(matching.rules, matching.policy, target, places) if matching.rules else target.place
    if place is None or not selected(versions.services, versions.admission, matching.selectors):
        return None
    return place
