"""Webhooks as their configurations have them, parsed; and which of them a request concerns.

Upstream: k8s.io/apiserver/pkg/admission/plugin/webhook (accessors.go, generic/webhook.go).
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from sampan.apiserver.admission.dynamic.bindings import variables
from sampan.apiserver.admission.dynamic.conditions import Conditions, Verdict
from sampan.apiserver.admission.dynamic.evaluation import CONDITIONS_BUDGET, evaluated
from sampan.apiserver.admission.dynamic.rules import Place, matched_place
from sampan.apiserver.admission.dynamic.selecting import Selectors, selected, selectors_of
from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.apiserver.admission.refusals import forbidden
from sampan.machinery.meta import Object

VALIDATING, MUTATING = "validating", "admit"  # as metrics call the two


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """One webhook of a configuration. `type` is VALIDATING or MUTATING."""

    type: str
    configuration: str
    name: str
    uid: str  # the same for the same webhook, from one state of its configuration to the next
    tree: Object
    selectors: Selectors
    conditions: Conditions

    @property
    def ignores_failures(self) -> bool:
        """failurePolicy Ignore."""
        return self.tree.get("failurePolicy") == "Ignore"


def hooks_of(configuration: Object, type: str) -> Iterator[Hook]:
    """The webhooks of a configuration, in its order."""
    name = configuration["metadata"]["name"]
    seen: dict[str, int] = {}
    for tree in configuration.get("webhooks") or ():
        number = seen[tree["name"]] = seen.get(tree["name"], -1) + 1
        conditions = Conditions(tree.get("matchConditions") or (), fails=tree.get("failurePolicy") != "Ignore")
        uid = f"{name}/{tree['name']}/{number}"
        yield Hook(type, name, tree["name"], uid, tree, selectors_of(tree), conditions)


async def invoked(hook: Hook, versions: Versions) -> Place | None:
    """The version in which the webhook is to see the object, None where it is not concerned. Raises APIError."""
    tree, admission = hook.tree, versions.admission
    place = matched_place(tree.get("rules") or (), tree.get("matchPolicy"), versions.target, versions.places)
    if place is None or not selected(versions.services, admission, hook.selectors):
        return None
    if not hook.conditions:
        return place
    return place if await _meets(hook, versions, place) else None


async def _meets(hook: Hook, versions: Versions, place: Place) -> bool:
    admission, metrics = versions.admission, versions.services.admission_metrics
    if not hook.conditions.are_compiled:
        await asyncio.to_thread(_compile, hook.conditions)
    bindings = await variables(versions, place)
    verdict: Verdict = await evaluated(
        lambda allowance: hook.conditions.decide(bindings, allowance.budget(CONDITIONS_BUDGET))
    )
    metrics.conditions_failed(hook.name, "webhook", hook.type, admission.operation, verdict.failed)
    if verdict.error:
        raise forbidden(admission, verdict.error)
    if not verdict.matches:
        metrics.excluded(hook.name, "webhook", hook.type, admission.operation)
    return verdict.matches


def _compile(conditions: Conditions) -> None:
    """Takes a tenth of a second where CEL has not been needed before."""
    from sampan.machinery.cel.admission import admission_environment

    conditions.compile(admission_environment())
