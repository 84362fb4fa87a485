"""Which policies apply to a request, by which bindings, with which parameters; shared by both kinds of policies.

Upstream: k8s.io/apiserver/pkg/admission/plugin/policy (generic/policy_dispatcher.go, validating/dispatcher.go).
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

from sampan.apiserver.admission.dynamic.bindings import variables
from sampan.apiserver.admission.dynamic.conditions import Verdict
from sampan.apiserver.admission.dynamic.rules import Place
from sampan.apiserver.admission.dynamic.selecting import namespace_of
from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.apiserver.admission.policy.matching import matched
from sampan.apiserver.admission.policy.params import Misconfigured, collect, param_kind
from sampan.apiserver.admission.policy.policies import Binding, Bound, Policy
from sampan.machinery.errors import APIError
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object


class Invocation(NamedTuple):
    """One policy by one binding with one parameter."""

    policy: Policy
    binding: Binding
    place: Place
    param: Object | None


class Trouble(NamedTuple):
    """A policy, or a binding of it, that cannot be applied."""

    policy: Policy
    binding: Binding | None
    why: str


async def invocations(policies: Iterable[Bound], versions: Versions) -> AsyncIterator[Invocation | Trouble]:
    """All that apply, in the order of names."""
    for policy, bindings in policies:
        try:
            place = matched(policy.matching, versions)
            if place is None:
                continue
            params = param_kind(versions, policy.spec.get("paramKind"))
        except (APIError, Misconfigured) as error:
            yield Trouble(policy, None, f"failed to configure policy: {error}")
            continue
        for binding in bindings:
            async for found in _bound(policy, binding, place, params, versions):
                yield found


async def _bound(
    policy: Policy, binding: Binding, place: Place, params: Served | None, versions: Versions
) -> AsyncIterator[Invocation | Trouble]:
    try:
        if binding.matching and matched(binding.matching, versions) is None:
            return
        found = await collect(versions, params, binding.spec.get("paramRef"))
        if found:
            await versions.pair(place)
    except (APIError, Misconfigured) as error:
        yield Trouble(policy, binding, f"failed to configure binding: {error}")
        return
    for param in found:
        yield Invocation(policy, binding, place, param)


async def variables_of(invocation: Invocation, versions: Versions) -> dict[str, Any]:
    """What its expressions may look at. Raises NotFound for a namespace that is not there."""
    namespace = namespace_of(versions.services, versions.admission)
    found = await variables(versions, invocation.place, namespace=namespace)
    return {**found, "params": invocation.param}


def count_failed(versions: Versions, policy: Policy, verdict: Verdict) -> None:
    """The match conditions that had no value, for the metrics."""
    metrics, operation = versions.services.admission_metrics, versions.admission.operation
    metrics.conditions_failed(policy.name, "policy", "validate", operation, verdict.failed)
