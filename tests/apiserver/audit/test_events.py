"""What audit events tell: fields, stages and objects by level, of all kinds of requests."""

import asyncio
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sampan.apiserver.app import App
from sampan.apiserver.authentication.user import User
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import NotFound
from sampan.transport.messages import Request, StreamResponse
from tests.apiserver.audit.harness import auditing
from tests.apiserver.harness import CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod

METADATA, REQUEST, ALL = {"level": "Metadata"}, {"level": "Request"}, {"level": "RequestResponse"}
ALLOWED = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def test_a_create_at_the_closest_level(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        headers = {"user-agent": "tester/1", "audit-id": "my-own", "x-forwarded-for": "10.1.1.1, nonsense"}
        answer = await api.call("POST", CONFIG_MAPS, config_map("web", a="b"), query={"x": "y"}, headers=headers)
        received, complete = api.told("create", "")
    assert answer.headers["audit-id"] == "my-own"
    times = {name: received.pop(name) for name in ("requestReceivedTimestamp", "stageTimestamp")}
    assert times["requestReceivedTimestamp"] == times["stageTimestamp"] and TIME.fullmatch(times["stageTimestamp"])
    common = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "auditID": "my-own",
        "requestURI": f"{CONFIG_MAPS}?x=y",
        "verb": "create",
        "user": {"username": "admin", "groups": ["system:masters", "system:authenticated"]},
        "sourceIPs": ["10.1.1.1", "127.0.0.1"],
        "userAgent": "tester/1",
    }
    subject = {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"}
    assert received == {**common, "stage": "RequestReceived", "objectRef": subject}
    assert complete.pop("stageTimestamp") > complete.pop("requestReceivedTimestamp")
    assert complete == {
        **common,
        "stage": "ResponseComplete",
        "objectRef": {**subject, "name": "web"},
        "responseStatus": {"metadata": {}, "code": 201},
        "requestObject": config_map("web", a="b"),
        "responseObject": answer.body,
        "annotations": ALLOWED,
    }


async def test_levels_tell_more_and_more(tmp_path: Path) -> None:
    rules = [{**rule, "verbs": [verb]} for rule, verb in ((METADATA, "create"), (REQUEST, "update"), (ALL, "patch"))]
    async with auditing(tmp_path, *rules) as api:
        await api.call("POST", CONFIG_MAPS, config_map("web"))
        await api.call("PUT", f"{CONFIG_MAPS}/web", config_map("web", a="b"))
        await api.patch(f"{CONFIG_MAPS}/web", {"data": {"a": "c"}})
        objects = [[name for name in event if name.endswith("Object")] for event in api.told()]
    assert objects == [[], ["requestObject"], ["requestObject", "responseObject"]]


async def test_of_who_may_not_nothing_is_read(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        await api.call("POST", CONFIG_MAPS, config_map("web"), user="joe")
        event = api.last("create")
    assert "requestObject" not in event and event["responseObject"]["reason"] == "Forbidden"


async def test_what_no_rule_wants_is_not_told(tmp_path: Path) -> None:
    async with auditing(tmp_path, {"level": "None", "verbs": ["get"]}, METADATA) as api:
        await api.call("GET", PODS)
        await api.call("GET", f"{PODS}/none")
        assert {event["verb"] for event in api.told(stage="")} == {"list"}


async def test_stages_may_be_left_out(tmp_path: Path) -> None:
    async with auditing(tmp_path, METADATA, omitStages=["RequestReceived"]) as api:
        await api.get(PODS)
        assert [event["stage"] for event in api.told("list", "")] == ["ResponseComplete"]


async def test_a_refusal_is_told_with_its_status_at_every_level(tmp_path: Path) -> None:
    async with auditing(tmp_path, METADATA) as api:
        answer = await api.call("GET", f"{PODS}/web", user="joe")
        event = api.last("get")
    status = {name: value for name, value in answer.body.items() if name not in ("kind", "apiVersion")}
    assert event["responseStatus"] == status and status["code"] == 403
    assert event["annotations"] == {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""}


async def test_why_rbac_allows_is_told(tmp_path: Path) -> None:
    async with auditing(tmp_path, METADATA) as api:
        await api.get("/version", user="joe")
        reason = api.last("get")["annotations"]["authorization.k8s.io/reason"]
    role = '"(system:discovery|system:public-info-viewer)"'
    told = f'RBAC: allowed by ClusterRoleBinding {role} of ClusterRole {role} to Group "system:authenticated"'
    assert re.fullmatch(told, reason)


async def test_bad_credentials_are_one_event(tmp_path: Path) -> None:
    async with auditing(tmp_path, METADATA) as api:
        answer = await api.call("GET", PODS, user="nobody")
        event = await api.wait_told("list", "")
        assert len(api.told("list", "")) == 1
    why = "Authentication failed, attempted: bearer"
    assert answer.status == 401 and event["stage"] == "ResponseStarted"
    assert event["user"] == {} and event["responseStatus"] == {"metadata": {}, "message": why, "code": 401}


async def test_on_whose_behalf_is_told_beside_who_asks(tmp_path: Path) -> None:
    async with auditing(tmp_path, METADATA) as api:
        acting = {"impersonate-user": "jane", "impersonate-group": "devs", "impersonate-uid": "7"}
        await api.call("GET", PODS, headers=acting)
        event = api.last("list")
    assert event["user"]["username"] == "admin"
    assert event["impersonatedUser"] == {"username": "jane", "uid": "7", "groups": ["devs", "system:authenticated"]}
    assert event["authenticationMetadata"] == {"impersonationConstraint": "impersonate:user-info"}
    assert 'User "jane" cannot list' in event["responseStatus"]["message"]


async def test_a_patch_is_told_as_it_was_sent(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        await api.create(CONFIG_MAPS, config_map("web"))
        pretty = b'{\n  "data": {"a": "b"}\n}'
        await api.call("PATCH", f"{CONFIG_MAPS}/web", pretty, content_type="application/merge-patch+json")
        assert api.last("patch")["requestObject"] == {"data": {"a": "b"}}
        operations = [{"op": "add", "path": "/data/c", "value": "d"}]
        await api.patch(f"{CONFIG_MAPS}/web", operations, "json-patch")
        assert api.last("patch")["requestObject"] == operations
        body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {e: f}\n"
        applied = "application/apply-patch+yaml"
        await api.call("PATCH", f"{CONFIG_MAPS}/web", body, content_type=applied, query={"fieldManager": "m"})
        assert api.last("patch")["requestObject"]["data"] == {"e": "f"}
        assert api.last("patch")["responseObject"]["data"] == {"a": "b", "c": "d", "e": "f"}


async def test_a_deletion_tells_its_options_and_what_came_of_it(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        made = await api.create(CONFIG_MAPS, config_map("web"))
        await api.call("DELETE", f"{CONFIG_MAPS}/web", {"propagationPolicy": "Background"})
        event = api.last("delete")
    options = {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "propagationPolicy": "Background"}
    details = {"name": "web", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert event["requestObject"] == options
    assert event["responseStatus"] == {"metadata": {}, "status": "Success", "details": details, "code": 200}
    assert event["responseObject"]["status"] == "Success"


async def test_answers_are_told_in_json_whatever_the_client_took(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        made = await api.create(CONFIG_MAPS, config_map("web", a="b"))
        for accept in ("application/yaml", "application/vnd.kubernetes.protobuf"):
            await api.call("GET", f"{CONFIG_MAPS}/web", accept=accept)
            assert api.last("get")["responseObject"] == made
        await api.call("GET", CONFIG_MAPS, accept="application/json;as=Table;g=meta.k8s.io;v=v1")
        assert api.last("list")["responseObject"]["kind"] == "Table"


async def test_objects_are_told_in_the_clients_version_and_with_defaults(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        path = DEPLOYMENTS.replace("apps/v1", "extensions/v1beta1")
        body = {**deployment("web"), "apiVersion": "extensions/v1beta1"}
        await api.create(path, body)
        event = api.last("create")
    assert event["requestObject"]["apiVersion"] == event["responseObject"]["apiVersion"] == "extensions/v1beta1"
    assert event["requestObject"]["spec"]["progressDeadlineSeconds"] == 2147483647
    assert event["annotations"]["k8s.io/deprecated"] == "true"
    assert event["annotations"]["k8s.io/removed-release"] == "1.16"


@pytest.mark.parametrize("omitted", [True, False])
async def test_managed_fields_may_be_left_out(tmp_path: Path, omitted: bool) -> None:
    async with auditing(tmp_path, ALL, omitManagedFields=omitted) as api:
        made = await api.create(CONFIG_MAPS, config_map("web", a="b"))
        await api.call("PUT", f"{CONFIG_MAPS}/web", made)
        await api.get(CONFIG_MAPS)
        await api.get(CONFIG_MAPS, accept="application/json;as=Table;g=meta.k8s.io;v=v1")
        put, listed, table = api.last("update"), *[event["responseObject"] for event in api.told("list")[-2:]]
    found = [put["requestObject"], put["responseObject"], listed["items"][0], table["rows"][0]["object"]]
    assert ["managedFields" in obj["metadata"] for obj in found] == [not omitted] * 4


async def test_a_watch_is_told_at_its_beginning_and_its_end(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        await api.create(CONFIG_MAPS, config_map("web"))
        async with api.watch(CONFIG_MAPS) as events:
            await anext(events)
            started = api.last("watch", "ResponseStarted")
            assert api.told("watch") == []
        complete = await api.wait_told("watch")
    assert started["responseStatus"] == complete["responseStatus"] == {"metadata": {}, "code": 200}
    assert "responseObject" not in complete and started["auditID"] == complete["auditID"]


async def test_a_watch_that_nobody_reads_ends_too(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        async with api.watch(CONFIG_MAPS):
            pass
        await api.wait_told("watch")
        refused = await api.call("GET", f"{PODS}/none/log")
        assert refused.status == 404
        stages = [event["stage"] for event in api.told("get", "") if event["requestURI"].endswith("/log")]
    assert stages == ["RequestReceived", "ResponseStarted", "ResponseComplete"]


async def test_who_goes_before_the_answer_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with auditing(tmp_path, METADATA) as api:
        started = asyncio.Event()

        async def slow(*_: Any) -> Any:
            started.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(App, "_serve_allowed", slow)
        headers = {"authorization": "Bearer admin"}
        task = asyncio.ensure_future(api.raw(Request("GET", PODS, "", headers, raw_path=PODS)))
        await started.wait()
        task.cancel()
        await asyncio.wait([task])
        monkeypatch.undo()
        event = await api.wait_told("list")
    assert event["responseStatus"] == {
        "metadata": {},
        "status": "Success",
        "message": "Connection closed early",
        "code": 200,
    }


async def test_a_fault_of_the_servers_own_is_a_panic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with auditing(tmp_path, METADATA) as api:

        def broken(*_: Any) -> Any:
            raise RuntimeError("a mistake")

        monkeypatch.setattr(App, "_serve_allowed", broken)
        answer = await api.call("GET", PODS)
        stages = [event["stage"] for event in api.told("list", "")]
        event = await api.wait_told("list", "Panic")
    assert answer.status == 500 and stages[0] == "RequestReceived" and "ResponseComplete" not in stages
    assert event["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": "APIServer panic'd: RuntimeError('a mistake')",
        "reason": "InternalError",
        "code": 500,
    }


async def test_discovery_tells_its_documents_and_health_does_not(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        await api.get("/api/v1")
        assert api.last("get")["responseObject"]["kind"] == "APIResourceList"
        await api.call("GET", "/healthz")
        event = api.last("get")
    assert "responseObject" not in event and "objectRef" not in event and event["requestURI"] == "/healthz"


async def test_reviews_and_subresources_tell_their_bodies(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        review = {"spec": {"user": "joe", "resourceAttributes": {"verb": "get", "resource": "pods"}}}
        await api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        event = api.last("create")
        assert event["requestObject"]["spec"] == review["spec"]
        assert event["responseObject"]["status"]["allowed"] is False
        await api.service_account()
        await api.create(PODS, pod("web"))
        binding = {"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n1"}}
        await api.create(f"{PODS}/web/binding", binding)
        event = api.last("create")
    assert event["requestObject"]["target"] == binding["target"]
    assert event["objectRef"] == {
        "resource": "pods",
        "namespace": "default",
        "name": "web",
        "apiVersion": "v1",
        "subresource": "binding",
    }


async def test_components_of_the_process_are_told_of_as_everybody(tmp_path: Path) -> None:
    async with auditing(tmp_path, ALL) as api:
        client = api.server.local_client(User("system:kube-scheduler", ("system:authenticated",)))
        with pytest.raises(NotFound):
            await client.get(POD, "none", "default")
        async with client.watch(POD, "default"):
            assert api.last("watch", "ResponseStarted")["user"]["username"] == "system:kube-scheduler"
        event = api.last("get")
        await api.wait_told("watch")
    assert event["userAgent"] == "kube-scheduler" and event["sourceIPs"] == ["127.0.0.1"]
    assert event["responseStatus"]["reason"] == "NotFound" and event["responseObject"]["kind"] == "Status"


async def test_every_answer_has_an_id_also_without_an_audit_log(api: Any) -> None:
    first, second = await api.call("GET", PODS), await api.call("GET", "/nope")
    assert str(UUID(first.headers["audit-id"], version=4)) == first.headers["audit-id"]
    assert first.headers["audit-id"] != second.headers["audit-id"]
    assert (await api.call("GET", PODS, headers={"audit-id": "mine"})).headers["audit-id"] == "mine"
    reply = await api.raw(Request("GET", PODS, "watch=1", {"authorization": "Bearer admin"}, raw_path=PODS))
    assert isinstance(reply, StreamResponse) and "Audit-Id" in dict(reply.headers)
    await reply.stream.aclose()  # type: ignore[attr-defined]
