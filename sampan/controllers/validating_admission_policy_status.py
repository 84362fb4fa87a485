"""Checks the expressions of validating policies against the types that they match, and tells in their status.

Which types those are follows from rules without wildcards; what a custom kind looks like, from its definition. Rules:
docs, Validating Admission Policy, "Type checking"; upstream's pkg/controller/validatingadmissionpolicystatus.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from sampan.controllers.config import ControllerContext
from sampan.kinds.admissionregistration.validating_admission_policy import KIND as POLICY
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Key, Object
from sampan.machinery.schema import Schema
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Controller

if TYPE_CHECKING:
    from sampan.machinery.cel.types import Type

_MOST_TYPES = 10
_Version = tuple[Kind, ServedVersion]


def matched_types(spec: Object, kinds: Iterable[Kind]) -> list[_Version]:
    """The kinds that the rules of a policy name, in the order of group, version and kind; not too many."""
    served = {
        (version.group, version.version, kind.plural): (kind, version) for kind in kinds for version in kind.versions
    }
    found = (served[place] for rule in _rules(spec) for place in _places(rule) if place in served)
    taken = {
        (version.group, version.version, kind.name): (kind, version) for kind, version in islice(found, _MOST_TYPES)
    }
    return [taken[place] for place in sorted(taken)]


def _rules(spec: Object) -> Iterable[Mapping[str, Any]]:
    return (spec.get("matchConstraints") or {}).get("resourceRules") or ()


def _places(rule: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    groups, versions = rule.get("apiGroups") or (), rule.get("apiVersions") or ()
    if any("*" in text for text in (*groups, *versions)):
        return
    resources = (text for text in rule.get("resources") or () if not set("*/") & set(text))
    yield from product(sorted(groups), sorted(versions), sorted(resources))


def shown(kind: Kind, version: ServedVersion) -> str:
    """As upstream writes a type."""
    return f"{version.group}/{version.version}, Kind={kind.name}"


class PolicyStatusController(Controller):
    """One key per policy."""

    name = "validatingadmissionpolicy-status-controller"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.discovery = context.discovery
        self.policies = self.watch(POLICY)
        self.definitions = self.informers.of(DEFINITION)

    async def reconcile(self, key: Key) -> Action:
        policy = self.policies.get(key)
        if policy is None:
            return WAIT
        status, generation = policy.get("status") or {}, policy["metadata"].get("generation") or 0
        if generation <= (status.get("observedGeneration") or 0):
            return WAIT
        await self.discovery.synced()
        warnings = await asyncio.to_thread(self._warnings, policy["spec"], self._types(policy["spec"]))
        checked = {"expressionWarnings": warnings} if warnings else {}
        status = {**status, "observedGeneration": generation, "typeChecking": checked}
        await self.client.update(POLICY, {**policy, "status": status}, subresource="status")
        return WAIT

    def _types(self, spec: Object) -> list[tuple[_Version, Object | None]]:
        """The types to check against, the parameters' last, with the schemas of those that are custom."""
        found = matched_types(spec, self.discovery.kinds)
        if ref := spec.get("paramKind"):
            group, _, name = ref["apiVersion"].rpartition("/")
            if (kind := self.discovery.find(ref["apiVersion"], ref["kind"])) is not None:
                found += [(kind, v) for v in kind.versions if (v.group, v.version) == (group, name)]
        return [(one, self._schema(*one)) for one in found]

    def _schema(self, kind: Kind, version: ServedVersion) -> Object | None:
        definition = self.definitions.get(Key("", f"{kind.plural}.{version.group}"))
        versions = definition["spec"]["versions"] if definition else ()
        wanted: Object = next((one for one in versions if one["name"] == version.version), {})
        schema: Object | None = (wanted.get("schema") or {}).get("openAPIV3Schema")
        return schema

    def _warnings(self, spec: Object, found: list[tuple[_Version, Object | None]]) -> list[dict[str, str]]:
        """Off the event loop: it may be the first that needs CEL."""
        from sampan.machinery.cel.type_checking import expression_warnings

        known = self.discovery.builtin.schema
        types = {shown(*one): type_ for one, schema in found if (type_ := _type(one, schema, known)) is not None}
        param = spec.get("paramKind")
        by_kind = {(version.api_version, kind.name): shown(kind, version) for (kind, version), _ in found}
        params = types.get(by_kind.get((param["apiVersion"], param["kind"]), "")) if param else None
        matched = {shown(*one) for one in matched_types(spec, self.discovery.kinds)}
        return expression_warnings(spec, {name: t for name, t in types.items() if name in matched}, params)


def _type(one: _Version, schema: Object | None, known: Schema) -> "Type | None":
    from sampan.machinery.cel.field_types import declare_definition
    from sampan.machinery.cel.structural_types import declare

    kind, version = one
    if schema is not None:
        declared = declare(schema, root=True, name=kind.name)
        return declared.type if declared else None
    return declare_definition(known, version.definition, kind.name).type if version.definition in known else None


CONTROLLER = PolicyStatusController
