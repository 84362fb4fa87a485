"""Policies with their bindings as the API has them now, and their expressions, compiled when they are first needed.

Upstream: k8s.io/apiserver/pkg/admission/plugin/policy (generic/policy_source.go, validating/plugin.go,
mutating/compilation.go).
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.dynamic.conditions import Conditions, compile_or_say
from sampan.apiserver.admission.dynamic.following import Followed
from sampan.apiserver.admission.dynamic.rules import is_exempt
from sampan.apiserver.admission.policy.matching import Matching, matching_of
from sampan.apiserver.services import Services
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.storage.cache import Cache

if TYPE_CHECKING:
    from sampan.machinery.cel.engine import Program
    from sampan.machinery.cel.policies import Composition


class Validation(NamedTuple):
    """One of spec.validations; a Program, or the sentence on why there is none."""

    tree: Object
    rule: "Program | str"
    message: "Program | str"  # "" if it has no messageExpression


class Compiled(NamedTuple):
    """All expressions of a policy; what it has none of is empty."""

    composition: "Composition"
    validations: Sequence[Validation]
    annotations: "Sequence[tuple[str, Program | str]]"
    mutations: "Sequence[tuple[str, Program | str]]"  # patchType and expression


@dataclass(slots=True, eq=False)
class Policy:
    """One policy."""

    name: str
    spec: Object
    matching: Matching
    conditions: Conditions
    _compiled: Compiled | None = field(default=None)

    @property
    def fails(self) -> bool:
        """failurePolicy Fail."""
        return self.spec.get("failurePolicy") != "Ignore"

    async def compiled(self) -> Compiled:
        """Its expressions; compiled once, beside the event loop."""
        if self._compiled is None:
            self._compiled = await asyncio.to_thread(_compile, self)
        return self._compiled


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One binding; without matchResources it holds wherever its policy does."""

    name: str
    spec: Object
    matching: Matching | None


class Bound(NamedTuple):
    """A policy with the bindings that put it in force."""

    policy: Policy
    bindings: tuple[Binding, ...]


class Policies:
    """The policies of a kind that have bindings, in the order of their names."""

    def __init__(self, policy: Kind, binding: Kind) -> None:
        self._policies = Followed(policy, _policy)
        self._bindings = Followed(binding, _binding)
        self._of: tuple[tuple[Policy, ...], tuple[Binding, ...]] = ((), ())
        self._bound: tuple[Bound, ...] = ()

    def concerning(self, services: Services, admission: Admission) -> tuple[Bound, ...]:
        """All, unless the request is one to what governs admission itself: that is never subject to policies."""
        bound, kind = self._current(services.cache), admission.kind
        return bound if bound and not is_exempt(kind.group, kind.name, kind.plural) else ()

    def _current(self, cache: Cache) -> tuple[Bound, ...]:
        """The same tuple until something changes."""
        policies, bindings = self._policies.current(cache), self._bindings.current(cache)
        if policies is not self._of[0] or bindings is not self._of[1]:
            self._of = (policies, bindings)
            pairs = ((p, tuple(b for b in bindings if b.spec["policyName"] == p.name)) for p in policies)
            self._bound = tuple(Bound(policy, found) for policy, found in pairs if found)
        return self._bound


def _policy(obj: Object) -> Iterable[Policy]:
    spec = obj["spec"]
    conditions = Conditions(spec.get("matchConditions") or (), fails=spec.get("failurePolicy") != "Ignore")
    yield Policy(obj["metadata"]["name"], spec, matching_of(spec.get("matchConstraints")), conditions)


def _binding(obj: Object) -> Iterable[Binding]:
    spec = obj["spec"]
    resources = spec.get("matchResources")
    yield Binding(obj["metadata"]["name"], spec, None if resources is None else matching_of(resources))


def _compile(policy: Policy) -> Compiled:
    from sampan.machinery.cel.admission import admission_environment
    from sampan.machinery.cel.policies import Composition

    spec = policy.spec
    patches = bool(spec.get("mutations"))
    composition = Composition(admission_environment(params=spec.get("paramKind") is not None, patches=patches))
    for variable in spec.get("variables") or ():
        composition.add(variable["name"], variable["expression"])
    known = composition.environment
    policy.conditions.compile(known)

    def program(text: str | None) -> "Program | str":
        return compile_or_say(known, text) if text else ""

    return Compiled(
        composition,
        [
            Validation(v, program(v["expression"]), program(v.get("messageExpression")))
            for v in _all(spec, "validations")
        ],
        [(a["key"], program(a["valueExpression"])) for a in _all(spec, "auditAnnotations")],
        [(m["patchType"], program(_expression(m))) for m in _all(spec, "mutations")],
    )


def _all(spec: Object, field: str) -> Sequence[Object]:
    return spec.get(field) or ()


def _expression(mutation: Object) -> str:
    name = "jsonPatch" if mutation["patchType"] == "JSONPatch" else "applyConfiguration"
    return str(mutation[name]["expression"])
