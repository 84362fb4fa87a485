"""MutatingAdmissionPolicy: the policies change the object one after the other, each seeing what the last one did.

Upstream: k8s.io/apiserver/pkg/admission/plugin/policy (mutating/dispatcher.go, generic/policy_dispatcher.go).
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.dynamic.evaluation import (
    POLICY_BUDGET,
    Allowance,
    OutOfBudget,
    Wrong,
    evaluated,
)
from sampan.apiserver.admission.dynamic.reinvocation import Rounds
from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.apiserver.admission.policy.deciding import NO_ERROR, error_type, meets, value_of
from sampan.apiserver.admission.policy.invocations import Invocation, Trouble, count_failed, invocations, variables_of
from sampan.apiserver.admission.policy.mutations import applied, patched
from sampan.apiserver.admission.policy.policies import Binding, Bound, Compiled, Policies, Policy
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.kinds.admissionregistration.mutating_admission_policy import KIND
from sampan.kinds.admissionregistration.mutating_admission_policy_binding import KIND as BINDING
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object

if TYPE_CHECKING:
    from sampan.machinery.cel.engine import Program

_NAME, _TYPE = "MutatingAdmissionPolicy", "mutating"


class _Refused(NamedTuple):
    policy: Policy
    binding: Binding | None
    why: str
    reason: str = ""


class MutatingPolicies:
    """The plugin; one for a server."""

    def __init__(self) -> None:
        self._policies = Policies(KIND, BINDING)

    def mutate(self, services: Services, admission: Admission) -> Awaitable[None] | None:
        """Apply the policies; raises what those say that refuse."""
        policies = self._policies.concerning(services, admission)
        return _Dispatch(Versions(services, admission)).run(policies) if policies else None


@dataclass(slots=True)
class _Dispatch:
    """One request, one round."""

    versions: Versions
    refused: list[_Refused] = field(default_factory=list)

    async def run(self, policies: Sequence[Bound]) -> None:
        """Raises APIError."""
        admission = self.versions.admission
        rounds: Rounds = admission.memory.setdefault(_NAME, Rounds())
        rounds.begin(admission)
        found = [one async for one in invocations(policies, self.versions)]  # all before the first change
        for one in found:
            if isinstance(one, Trouble):
                self.refused.append(_Refused(*one))
            else:
                await self._take_part(one, rounds)
        rounds.end(admission)
        if refused := [one for one in self.refused if one.policy.fails]:
            raise _refusal(admission, refused)

    async def _take_part(self, invocation: Invocation, rounds: Rounds) -> None:
        compiled, bindings = await invocation.policy.compiled(), await variables_of(invocation, self.versions)
        if not await self._meets(invocation, compiled, bindings):
            return
        key, admission = _key(invocation), self.versions.admission
        if not rounds.takes_part(admission, key):
            return
        if await self._mutate(invocation, compiled):
            rounds.changed(admission)
        if invocation.policy.spec.get("reinvocationPolicy") == "IfNeeded":
            rounds.asked.add(key)

    async def _meets(self, invocation: Invocation, compiled: Compiled, bindings: dict[str, Any]) -> bool:
        policy = invocation.policy
        verdict = await evaluated(lambda allowance: meets(policy.conditions, compiled, bindings, allowance))
        count_failed(self.versions, policy, verdict)
        if verdict.error:
            self.refused.append(_Refused(policy, invocation.binding, verdict.error, "Invalid"))
        return verdict.matches

    async def _mutate(self, invocation: Invocation, compiled: Compiled) -> bool:
        """Whether the object has changed by any of the mutations."""
        changed = False
        for patch_type, program in compiled.mutations:
            if self.versions.admission.obj is None:
                continue
            start, error = perf_counter(), ""
            try:
                changed = await self._mutate_once(invocation, compiled, patch_type, program) or changed
            except (Wrong, OutOfBudget) as wrong:
                error = str(wrong)
                self.refused.append(_Refused(invocation.policy, invocation.binding, error, "Invalid"))
            self._count(invocation, error, perf_counter() - start)
        return changed

    async def _mutate_once(
        self, invocation: Invocation, compiled: Compiled, patch_type: str, program: "Program | str"
    ) -> bool:
        bindings = await variables_of(invocation, self.versions)

        def evaluate(allowance: Allowance) -> Any:
            variables = compiled.composition.bind(bindings, allowance.variable_limit)
            return value_of(program, variables, allowance.budget(POLICY_BUDGET))

        made, current, place = await evaluated(evaluate), bindings["object"], invocation.place
        catalogue, served = self.versions.admission.call.catalogue, self.versions.served(place)
        if patch_type == "JSONPatch":
            new = patched(made, current)
        elif self.versions.admission.foreign:
            raise Wrong(f"error applying patch: {current.get('kind')} has no schema to merge by")
        else:
            new = applied(made, current, catalogue.definition(served.version), catalogue.codec(served))
        return new is not current and await self.versions.put(place, new)

    def _count(self, invocation: Invocation, error: str, seconds: float) -> None:
        names, kind = (invocation.policy.name, invocation.binding.name), error_type(error) if error else NO_ERROR
        self.versions.services.admission_metrics.checked(_TYPE, *names, kind, "", seconds)


def _key(invocation: Invocation) -> tuple[str, ...]:
    meta: Object = (invocation.param or {}).get("metadata") or {}
    return invocation.policy.name, invocation.binding.name, meta.get("namespace") or "", meta.get("name") or ""


def _refusal(admission: Admission, refused: Sequence[_Refused]) -> APIError:
    """The first one's words; all of them as causes."""
    texts = [_text(one) for one in refused]
    details = {**forbidden(admission, "").details, "causes": [{"message": text} for text in texts]}
    return APIError(texts[0], details=details, code=403, reason=refused[0].reason or "Forbidden")


def _text(one: _Refused) -> str:
    if one.binding is None:
        return f'policy "{one.policy.name}" denied request: {one.why}'
    return f"policy '{one.policy.name}' with binding '{one.binding.name}' denied request: {one.why}"
