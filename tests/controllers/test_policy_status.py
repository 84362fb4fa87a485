"""The types of validating policies are checked."""

from typing import Any

import pytest

from sampan.controllers.validating_admission_policy_status import matched_types
from sampan.kinds.admissionregistration.validating_admission_policy import KIND as POLICY
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.machinery.cel import type_checking
from sampan.machinery.meta import Object
from tests.apiserver.extensions.crontabs import condition, definition
from tests.catalogue import CATALOGUE
from tests.controllers.cluster import Cluster

assert type_checking  # loaded here, so that a thread need not take real time for it


def rule(groups: list[str], versions: list[str], resources: list[str]) -> Object:
    return {"apiGroups": groups, "apiVersions": versions, "resources": resources, "operations": ["*"]}


def policy(rules: list[Object], *validations: Object, **spec: Any) -> Object:
    return {
        "metadata": {"name": "p"},
        "spec": {"matchConstraints": {"resourceRules": rules}, "validations": list(validations), **spec},
    }


def checked(policy: Object) -> bool:
    status = policy.get("status") or {}
    return bool(status.get("observedGeneration") == policy["metadata"]["generation"])


async def test_warnings_and_what_clears_them(cluster: Cluster) -> None:
    deployed = [rule(["apps"], ["v1"], ["deployments", "deployments/scale"])]
    wrong = {"expression": "object.spec.replicas > 1 && object.spec.replica > '1'"}
    told = {"expression": "true", "messageExpression": "string(object.spec.nonsense)"}
    fine = {"expression": "variables.many"}
    variables = [{"name": "many", "expression": "object.spec.replicas > 1"}]
    await cluster.create(POLICY, policy(deployed, wrong, fine, told, variables=variables))
    status = (await cluster.one(POLICY, "p", checked))["status"]
    first, second = status["typeChecking"]["expressionWarnings"]
    assert first["fieldRef"] == "spec.validations[0].expression"
    start = "apps/v1, Kind=Deployment: ERROR: <input>:1:40: undefined field 'replica'\n"
    assert first["warning"].startswith(start)
    assert second["fieldRef"] == "spec.validations[2].messageExpression"
    await cluster.client.patch(POLICY, "p", {"spec": {"validations": [fine]}})
    mended = await cluster.one(POLICY, "p", lambda one: checked(one) and one["metadata"]["generation"] == 2)
    assert mended["status"]["typeChecking"] == {}


async def test_custom_types_and_parameters(cluster: Cluster) -> None:
    await cluster.create(DEFINITION, definition())
    await cluster.one(DEFINITION, "crontabs.stable.example.com", lambda one: bool(condition(one, "Established")))
    expressions = [{"expression": "object.spec.cron == ''"}, {"expression": "params.data.x == '' || params.dat == ''"}]
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    made = policy([rule(["stable.example.com"], ["v1"], ["crontabs"])], *expressions, paramKind=kind)
    await cluster.create(POLICY, made)
    status = (await cluster.one(POLICY, "p", checked))["status"]
    first, second = (one["warning"] for one in status["typeChecking"]["expressionWarnings"])
    assert first.startswith("stable.example.com/v1, Kind=CronTab: ERROR: <input>:1:12: undefined field 'cron'")
    assert "undefined field 'dat'" in second


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([rule(["*"], ["v1"], ["pods"])], []),
        ([rule([""], ["*"], ["pods"])], []),
        ([rule([""], ["v1"], ["*", "pods/status"])], []),
        ([rule(["apps", ""], ["v1", "v1beta9"], ["pods", "deployments"])], ["Pod", "Deployment"]),
    ],
)
def test_types_are_taken_from_rules_without_wildcards(rules: list[Object], found: list[str]) -> None:
    spec = {"matchConstraints": {"resourceRules": rules}}
    assert [kind.name for kind, _ in matched_types(spec, CATALOGUE.kinds)] == found
