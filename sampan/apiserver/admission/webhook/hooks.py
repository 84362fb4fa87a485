"""Webhooks as their configurations have them, parsed; and which of them a request concerns.

Upstream: k8s.io/apiserver/pkg/admission/plugin/webhook (accessors.go, generic/webhook.go).
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.dynamic.bindings import variables
from sampan.apiserver.admission.dynamic.conditions import Conditions, Verdict
from sampan.apiserver.admission.dynamic.evaluation import CONDITIONS_BUDGET, evaluated
from sampan.apiserver.admission.dynamic.following import Followed
from sampan.apiserver.admission.dynamic.rules import Place, is_exempt, matched_place
from sampan.apiserver.admission.dynamic.selecting import Selectors, selected, selectors_of
from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.machinery.kind import Kind
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


class Hooks:
    """The webhooks of one kind of configuration, as the API has them now."""

    def __init__(self, configuration: Kind, type: str) -> None:
        self._followed = Followed(configuration, lambda found: hooks_of(found, type))

    def concerning(self, services: Services, admission: Admission) -> tuple[Hook, ...]:
        """All, unless nobody is ever asked about the request."""
        hooks, kind = self._followed.current(services.cache), admission.kind
        return hooks if hooks and not is_exempt(kind.group, kind.name, kind.plural) else ()


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
