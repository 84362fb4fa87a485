"""ValidatingAdmissionPolicy: what the policies say, and what their bindings make of it: a refusal, a warning, a note.

Upstream: k8s.io/apiserver/pkg/admission/plugin/policy/validating (dispatcher.go, policy_decision.go).
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import orjson

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.dynamic.evaluation import evaluated
from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.apiserver.admission.policy.deciding import Decision, decide
from sampan.apiserver.admission.policy.invocations import Invocation, Trouble, count_failed, invocations, variables_of
from sampan.apiserver.admission.policy.policies import Binding, Bound, Policies, Policy
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.kinds.admissionregistration.validating_admission_policy import KIND
from sampan.kinds.admissionregistration.validating_admission_policy_binding import KIND as BINDING
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object

_TYPE, _FAILURES = "validating", "validation.policy.admission.k8s.io/validation_failure"
_CODES = {"Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413}
_MAX_FAILURES, _MAX_ANNOTATION = 50, 10 * 1024


class ValidatingPolicies:
    """The plugin; one for a server."""

    def __init__(self) -> None:
        self._policies = Policies(KIND, BINDING)

    def validate(self, services: Services, admission: Admission) -> Awaitable[None] | None:
        """Apply the policies; raises what the first one says that refuses."""
        policies = self._policies.concerning(services, admission)
        return _Dispatch(Versions(services, admission)).run(policies) if policies else None


@dataclass(slots=True)
class _Dispatch:
    """One request."""

    versions: Versions
    denied: list[tuple[Decision, Policy, Binding | None]] = field(default_factory=list)
    failures: list[Object] = field(default_factory=list)
    annotations: dict[str, list[str]] = field(default_factory=dict)

    async def run(self, policies: Sequence[Bound]) -> None:
        """Raises APIError."""
        async for found in invocations(policies, self.versions):
            if isinstance(found, Trouble):
                if found.policy.fails:
                    self.denied.append((Decision(True, found.why), found.policy, found.binding))
                continue
            await self._apply(found)
        self._publish()
        if self.denied:
            raise _refusal(self.versions.admission, *self.denied[0])

    async def _apply(self, invocation: Invocation) -> None:
        policy, start = invocation.policy, perf_counter()
        compiled, bindings = await policy.compiled(), await variables_of(invocation, self.versions)
        outcome = await evaluated(lambda allowance: decide(policy, compiled, bindings, allowance))
        count_failed(self.versions, policy, outcome.verdict)
        seconds = perf_counter() - start
        for index, decision in enumerate(outcome.decisions):
            self._enforce(invocation, decision, index, seconds)
        for key, value in outcome.annotations:
            values = self.annotations.setdefault(f"{policy.name}/{key}", [])
            if (shown := value.encode()[:_MAX_ANNOTATION].decode(errors="ignore")) not in values:
                values.append(shown)
        for error in outcome.annotation_errors:
            self._deny(invocation, Decision(True, error, is_error=True), seconds)

    def _enforce(self, invocation: Invocation, decision: Decision, index: int, seconds: float) -> None:
        """What the binding says is to be done."""
        if not decision.denies:
            if decision.is_error:
                self._count(invocation, decision, "allow", seconds)
            return
        policy, binding = invocation.policy.name, invocation.binding.name
        actions = invocation.binding.spec.get("validationActions") or ()
        for action in actions:
            if action == "Deny":
                self._deny(invocation, decision, seconds)
            elif action == "Audit":
                self._count(invocation, decision, "audit", seconds)
                failure = {"message": decision.message, "policy": policy, "binding": binding}
                self.failures.append({**failure, "expressionIndex": index, "validationActions": actions})
            else:
                self._count(invocation, decision, "warn", seconds)
                what = f"Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{binding}'"
                self.versions.admission.warnings.append(f"{what}: {decision.message}")

    def _deny(self, invocation: Invocation, decision: Decision, seconds: float) -> None:
        self.denied.append((decision, invocation.policy, invocation.binding))
        self._count(invocation, decision, "deny", seconds)

    def _count(self, invocation: Invocation, decision: Decision, action: str, seconds: float) -> None:
        metrics = self.versions.services.admission_metrics
        names = (invocation.policy.name, invocation.binding.name)
        metrics.checked(_TYPE, *names, decision.error_type, action, seconds)

    def _publish(self) -> None:
        audit = self.versions.admission.audit
        if self.failures:
            audit[_FAILURES] = orjson.dumps(self.failures[:_MAX_FAILURES]).decode()
        audit.update((key, ", ".join(values)) for key, values in self.annotations.items())


def _refusal(admission: Admission, decision: Decision, policy: Policy, binding: Binding | None) -> APIError:
    by = f" with binding '{binding.name}'" if binding else ""
    message = f"ValidatingAdmissionPolicy '{policy.name}'{by} denied request: {decision.message}"
    error, reason = forbidden(admission, message), decision.reason or "Invalid"
    details = {**error.details, "causes": [{"message": message}]}
    return APIError(error.message, details=details, code=_CODES.get(reason, 422), reason=reason)
