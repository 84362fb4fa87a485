"""What admission notes is in the audit log: PodSecurity, policies, webhooks, and what webhooks note themselves."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.admission import policies
from tests.apiserver.admission.hooks import MUTATING, VALIDATING, configure, rule, webhook
from tests.apiserver.audit.harness import auditing
from tests.apiserver.harness import CONFIG_MAPS, PODS, config_map, pod
from tests.apiserver.hook_server import answer, patch, serving

METADATA, REQUEST = {"level": "Metadata"}, {"level": "Request"}


def notes(event: dict[str, Any]) -> dict[str, str]:
    """The annotations that are not authorization's."""
    found: dict[str, str] = event["annotations"]
    return {key: text for key, text in found.items() if not key.startswith("authorization.k8s.io/")}


@pytest.mark.parametrize("level", [METADATA, REQUEST])
async def test_mutating_webhooks(tmp_path: Path, level: dict[str, str]) -> None:
    operation = {"op": "add", "path": "/data", "value": {"a": "b"}}
    async with auditing(tmp_path, level) as api, serving() as server:
        server.answers["/mutate"] = patch(operation)
        noted = {"why": "so", "no/ /": "x"}
        server.answers["/note"] = lambda review: answer(review, allowed=True, auditAnnotations=noted)
        await configure(api, MUTATING, webhook(server, "/mutate"), webhook(server, "/note"))
        await api.create(CONFIG_MAPS, config_map("web"))
        found = notes(api.last("create"))
    told = {"configuration": "hooks", "webhook": "mutate.example.com"}
    first = json.loads(found.pop("mutation.webhook.admission.k8s.io/round_0_index_0"))
    second = json.loads(found.pop("mutation.webhook.admission.k8s.io/round_0_index_1"))
    assert first == {**told, "mutated": True} and second["mutated"] is False
    if level is REQUEST:
        patched = json.loads(found.pop("patch.webhook.admission.k8s.io/round_0_index_0"))
        assert patched == {**told, "patch": [operation], "patchType": "JSONPatch"}
    assert found == {"note.example.com/why": "so"}


async def test_webhooks_that_failed_open(tmp_path: Path) -> None:
    async with auditing(tmp_path, METADATA) as api, serving() as server:
        server.answers["/broken"] = lambda _: {"code": 500, "raw": b"no"}
        broken = webhook(server, "/broken", failurePolicy="Ignore")
        await configure(api, MUTATING, broken, name="first")
        await configure(api, VALIDATING, broken, name="second")
        await api.create(CONFIG_MAPS, config_map("web"))
        found = notes(api.last("create"))
    assert found["failed-open.mutation.webhook.admission.k8s.io/round_0_index_0"] == "broken.example.com"
    assert found["failed-open.validation.webhook.admission.k8s.io/round_0_index_0"] == "broken.example.com"


async def test_policies_that_are_to_be_audited_only(tmp_path: Path) -> None:
    async with auditing(tmp_path, METADATA) as api:
        checks = [{"expression": "false", "message": "never"}]
        annotations = [{"key": "name", "valueExpression": "string(object.metadata.name)"}]
        await policies.validate(api, rule(), actions=["Audit"], validations=checks, auditAnnotations=annotations)
        await api.create(CONFIG_MAPS, config_map("web"))
        found = notes(api.last("create"))
    (failure,) = json.loads(found.pop("validation.policy.admission.k8s.io/validation_failure"))
    assert failure == {
        "message": "never",
        "policy": "p",
        "binding": "p-binding",
        "expressionIndex": 0,
        "validationActions": ["Audit"],
    }
    assert found == {"p/name": "web"}


async def test_pod_security(tmp_path: Path) -> None:
    async with auditing(tmp_path, METADATA) as api:
        labels = {"pod-security.kubernetes.io/audit": "restricted"}
        await api.patch("/api/v1/namespaces/default", {"metadata": {"labels": labels}})
        await api.service_account()
        await api.create(PODS, pod("web"))
        found = notes(api.last("create"))
    assert found["pod-security.kubernetes.io/enforce-policy"] == "privileged:latest"
    violations = found["pod-security.kubernetes.io/audit-violations"]
    assert violations.startswith('would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false')


async def test_a_refusal_keeps_what_was_noted_before_it(tmp_path: Path) -> None:
    async with auditing(tmp_path, METADATA) as api, serving() as server:
        server.answers["/mutate"] = patch({"op": "add", "path": "/data", "value": {"a": "b"}})
        server.answers["/deny"] = lambda review: answer(review, allowed=False, auditAnnotations={"why": "no"})
        await configure(api, MUTATING, webhook(server, "/mutate"), name="first")
        await configure(api, VALIDATING, webhook(server, "/deny"), name="second")
        assert (await api.call("POST", CONFIG_MAPS, config_map("web"))).status == 400
        found = notes(api.last("create"))
    assert found["deny.example.com/why"] == "no"
    assert "mutation.webhook.admission.k8s.io/round_0_index_0" in found
