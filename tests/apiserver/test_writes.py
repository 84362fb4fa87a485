"""The write pipeline, step by step, seen by an admission plugin and from outside."""

import asyncio
from typing import Any

import pytest

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.allocators.claims import ADDRESSES
from sampan.apiserver.writes import deleting, storing
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod
from tests.apiserver.probe import probing

SERVICES = "/api/v1/namespaces/default/services"
SECRETS = "/api/v1/namespaces/default/secrets"
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}


def refuse(admission: Admission) -> None:
    raise forbidden(admission, "no")


# The order of the steps


async def test_a_create_is_admitted_prepared_validated_and_admitted_again(api: API) -> None:
    probe = probing(api, "deployments")
    sent = {**deployment("web"), "status": {"replicas": 9}}
    await api.create(DEPLOYMENTS, sent)
    (first, _, early), (second, _, late) = probe.seen
    assert (first, second) == ("mutate", "validate")
    assert early["status"] == {"replicas": 9} and "uid" not in early["metadata"]
    assert late["status"] == {} and late["metadata"]["uid"]


async def test_an_update_is_admitted_prepared_validated_and_admitted_again(api: API) -> None:
    made = await api.create(DEPLOYMENTS, deployment("web"))
    probe = probing(api, "deployments")
    changed = {**made, "spec": {**made["spec"], "replicas": 2}, "status": {"replicas": 9}}
    assert (await api.call("PUT", f"{DEPLOYMENTS}/web", changed)).status == 200
    (first, _, early), (second, _, late) = probe.seen
    assert (first, second) == ("mutate", "validate")
    assert early["status"] == {"replicas": 9} and early["metadata"]["generation"] == 1
    assert late["status"] == {} and late["metadata"]["generation"] == 2


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_plugins_put_in_is_prepared_and_validated(api: API, method: str) -> None:
    path, body = DEPLOYMENTS, deployment("web")
    if method == "PUT":
        body, path = await api.create(DEPLOYMENTS, body), f"{DEPLOYMENTS}/web"
    probe = probing(api, "deployments")

    def put_in(admission: Admission) -> None:
        admission.new["spec"]["replicas"] = -1
        admission.new["status"] = {"replicas": 7}

    probe.mutate = put_in
    refused = await api.call(method, path, body)
    assert (refused.status, probe.phases) == (422, ["mutate"])
    assert "spec.replicas: Invalid value: -1" in refused.body["message"]
    probe.mutate = lambda admission: admission.new["spec"].update(replicas=3)
    stored = (await api.call(method, path, body)).body
    assert (stored["spec"]["replicas"], stored["status"]) == (3, {})


async def test_declared_rules_bind_every_writer_of_the_object(api: API) -> None:
    """By whatever subresource; what an update may not change is among them."""
    await api.service_account()
    made = await api.create(PODS, pod("p"))
    made["spec"]["ephemeralContainers"] = [{"name": "A", "image": "busybox"}]
    refused = await api.call("PUT", f"{PODS}/p/ephemeralcontainers", made)
    assert [cause["field"] for cause in refused.body["details"]["causes"]] == ["spec.ephemeralContainers[0].name"]
    secret = await api.create(SECRETS, {"metadata": {"name": "s"}, "type": "a"})
    refused = await api.call("PUT", f"{SECRETS}/s", {**secret, "type": "b"})
    assert refused.body["message"] == 'Secret "s" is invalid: type: Invalid value: "b": field is immutable'


async def test_validating_plugins_see_no_invalid_object_and_may_refuse(api: API) -> None:
    probe = probing(api, "configmaps")
    assert (await api.call("POST", CONFIG_MAPS, config_map("Bad"))).status == 422
    assert probe.phases == ["mutate"]
    probe.validate = refuse
    refused = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert (refused.status, refused.body["message"]) == (403, 'configmaps "a" is forbidden: no')
    assert (await api.call("GET", f"{CONFIG_MAPS}/a")).status == 404


async def test_plugins_may_wait(api: API) -> None:
    probe = probing(api, "configmaps")
    probe.mutate = lambda admission: asyncio.sleep(0, admission.new["data"].update(late="1"))
    assert (await api.create(CONFIG_MAPS, config_map("a", x="1")))["data"] == {"x": "1", "late": "1"}


async def test_a_write_that_is_overtaken_starts_again(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a", x="1"))
    probe, overtaken = probing(api, "configmaps"), []

    async def overtake(admission: Admission) -> None:
        if not overtaken:
            overtaken.append(True)
            await api.patch(f"{CONFIG_MAPS}/a", {"data": {"y": "1"}})

    probe.validate = overtake
    answer = await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "2"}})
    assert answer.body["data"] == {"x": "2", "y": "1"}
    assert probe.phases == ["mutate", "validate"] * 3


async def test_a_replacement_without_a_version_is_tried_again_from_what_was_sent(api: API) -> None:
    await api.create(DEPLOYMENTS, deployment("web"))
    probe, overtaken = probing(api, "deployments"), []

    async def overtake(admission: Admission) -> None:
        if not overtaken:
            overtaken.append(True)
            await api.patch(f"{DEPLOYMENTS}/web", {"metadata": {"labels": {"a": "b"}}})
        admission.new["spec"]["replicas"] += 1  # of this attempt's own object

    probe.mutate = overtake
    answer = await api.call("PUT", f"{DEPLOYMENTS}/web", deployment("web", replicas=1))
    assert answer.status == 200
    assert probe.seen[-1][2]["spec"]["replicas"] == 2
    assert "labels" not in answer.body["metadata"]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_attempts_are_bounded(api: API, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr("sampan.apiserver.writes.pipeline.MAX_CONFLICTS", 3)
    monkeypatch.setattr(deleting, "MAX_CONFLICTS", 3)
    await api.create(CONFIG_MAPS, config_map("a", x="0"))
    probe, count = probing(api, "configmaps"), iter(range(1, 100))

    async def overtake(admission: Admission) -> None:
        if admission.dry_run or admission.call.request.method != method or "other" in admission.call.query:
            return
        changed = {"data": {"x": str(next(count))}}
        await api.patch(f"{CONFIG_MAPS}/a", changed, query={"other": "1"})

    probe.validate = overtake
    answer = await api.call(
        method,
        f"{CONFIG_MAPS}/a",
        {} if method == "DELETE" else {"data": {"y": "1"}},
        content_type="application/merge-patch+json" if method == "PATCH" else "application/json",
    )
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    assert next(count) == 4


async def test_dry_runs_are_told_and_leave_nothing(api: API) -> None:
    cache = api.server.services.cache
    before = cache.list(ADDRESSES).items
    probe = probing(api, "services")
    service = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}
    dry = await api.call("POST", SERVICES, service, query={"dryRun": "All", "fieldManager": "me"})
    assert dry.body["spec"]["clusterIP"]
    assert [a.dry_run for a in probe.admissions] == [True, True]
    assert probe.admissions[0].options == {
        "kind": "CreateOptions",
        "apiVersion": "meta.k8s.io/v1",
        "dryRun": ["All"],
        "fieldManager": "me",
        "fieldValidation": "Warn",
    }
    probe.validate = refuse
    assert (await api.call("POST", SERVICES, service)).status == 403
    assert cache.list(ADDRESSES).items == before


async def test_plugins_run_once_more_where_one_asks_for_it(api: API) -> None:
    probe = probing(api, "configmaps")
    probe.mutate = lambda admission: setattr(admission, "reinvoke", True)
    await api.create(CONFIG_MAPS, config_map("a"))
    assert probe.phases == ["mutate", "mutate", "validate"]


# Who owns what


def owned(obj: Any, manager: str) -> Any:
    return next(e["fieldsV1"] for e in obj["metadata"]["managedFields"] if e["manager"] == manager)


async def test_a_creator_does_not_own_what_the_server_puts_in(api: API) -> None:
    await api.service_account()
    made = await api.create(PODS, pod("p"), query={"fieldManager": "kubectl-create"})
    spec = owned(made, "kubectl-create")["f:spec"]
    assert {"f:containers", "f:restartPolicy"} <= spec.keys()
    assert {"f:tolerations", "f:volumes", "f:priority", "f:serviceAccount"}.isdisjoint(spec)
    web = await api.create(DEPLOYMENTS, {**deployment("web"), "status": {"replicas": 1}}, query={"fieldManager": "me"})
    assert owned(web, "me").keys() == {"f:spec"}


async def test_what_the_server_put_in_may_be_applied(api: API) -> None:
    await api.service_account()
    await api.create(PODS, pod("p"), query={"fieldManager": "kubectl-create"})
    tolerations = [{"key": "k", "operator": "Exists"}]
    applied = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"tolerations": tolerations}}
    query, content = {"fieldManager": "other", "dryRun": "All"}, "application/apply-patch+yaml"
    answer = await api.call("PATCH", f"{PODS}/p", applied, query=query, content_type=content)
    assert answer.body.get("reason") != "Conflict", answer


async def test_a_status_writer_owns_the_status_alone(api: API) -> None:
    await api.create(DEPLOYMENTS, deployment("web"))
    change = {"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 5}, "status": {"replicas": 1}}
    answer = await api.patch(f"{DEPLOYMENTS}/web/status", change, query={"fieldManager": "controller"})
    assert owned(answer.body, "controller") == {"f:status": {"f:replicas": {}}}
    assert "labels" not in answer.body["metadata"] and answer.body["spec"]["replicas"] == 1


async def test_labels_and_owners_stay_where_a_status_is_written(api: API) -> None:
    await api.service_account()
    await api.create(PODS, {**pod("p"), "metadata": {"name": "p", "ownerReferences": [OWNER]}})
    change = {"metadata": {"ownerReferences": None}, "status": {"message": "m"}}
    answer = await api.patch(f"{PODS}/p/status", change)
    assert (answer.body["status"]["message"], answer.body["metadata"]["ownerReferences"]) == ("m", [OWNER])


async def test_plugins_own_nothing(api: API) -> None:
    probe = probing(api, "configmaps")
    probe.mutate = lambda admission: admission.new["data"].update(y="1")
    made = await api.create(CONFIG_MAPS, config_map("a", x="1"), query={"fieldManager": "me"})
    assert owned(made, "me") == {"f:data": {".": {}, "f:x": {}}}


async def test_records_that_a_plugin_breaks_are_put_back(api: API) -> None:
    probe = probing(api, "configmaps")
    probe.mutate = lambda admission: admission.new["metadata"].update(managedFields=[{"manager": "x"}])
    answer = await api.call("POST", CONFIG_MAPS, config_map("a", x="1"), query={"fieldManager": "me"})
    assert owned(answer.body, "me") == {"f:data": {".": {}, "f:x": {}}}
    assert "was in an invalid state after admission" in answer.warnings[0]


async def test_a_binding_gives_the_scheduler_no_field(api: API) -> None:
    await api.service_account()
    before = await api.create(PODS, pod("p"))
    await api.create(f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"name": "n"}})
    after = await api.get(f"{PODS}/p")
    assert after["spec"]["nodeName"] == "n"
    assert after["metadata"]["managedFields"] == before["metadata"]["managedFields"]


async def test_repeated_owners_are_dropped_with_a_warning(api: API) -> None:
    body = {**config_map("a"), "metadata": {"name": "a", "ownerReferences": [OWNER, OWNER, {**OWNER, "name": "p"}]}}
    made = await api.call("POST", CONFIG_MAPS, body)
    assert made.body["metadata"]["ownerReferences"] == [OWNER, {**OWNER, "name": "p"}]
    assert made.warnings == [
        '299 - ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, '
        'and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u"'
    ]
    patched = await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"ownerReferences": [OWNER, OWNER]}})
    assert patched.body["metadata"]["ownerReferences"] == [OWNER]
    assert "duplicate entries" in patched.warnings[0]


# Creations


async def test_a_name_that_something_is_leaving_says_so(api: API) -> None:
    await api.create(CONFIG_MAPS, {**config_map("a"), "metadata": {"name": "a", "finalizers": ["example.com/f"]}})
    taken = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert taken.body["message"] == 'configmaps "a" already exists'
    await api.call("DELETE", f"{CONFIG_MAPS}/a")
    taken = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert (taken.status, taken.body["reason"]) == (409, "AlreadyExists")
    assert taken.body["message"] == 'object is being deleted: configmaps "a" already exists'


@pytest.mark.parametrize(("version", "status"), [("v1", 201), ("0", 201), ("-1", 201), ("", 201), ("17", 400)])
async def test_only_a_real_version_is_refused_on_create(api: API, version: str, status: int) -> None:
    body = {**config_map("a"), "metadata": {"name": "a", "resourceVersion": version}}
    assert (await api.call("POST", CONFIG_MAPS, body)).status == status


async def test_an_apply_that_creates_needs_the_right_to_create(api: API) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch", "get"]}]
    await api.create("/apis/rbac.authorization.k8s.io/v1/clusterroles", {"metadata": {"name": "r"}, "rules": rules})
    subject = {"kind": "User", "name": "joe", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"}
    binding = {"metadata": {"name": "b"}, "roleRef": role, "subjects": [subject]}
    await api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)

    async def apply(name: str) -> int:
        query, content = {"fieldManager": "m"}, "application/apply-patch+yaml"
        body = config_map(name, x="1")
        path = f"{CONFIG_MAPS}/{name}"
        return (await api.call("PATCH", path, body, user="joe", query=query, content_type=content)).status

    await api.create(CONFIG_MAPS, config_map("there"))
    assert (await apply("there"), await apply("missing")) == (200, 403)


# Deletions


async def test_deletions_are_admitted_in_both_phases(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a", x="1"))
    probe = probing(api, "configmaps")
    probe.validate = refuse
    refused = await api.call("DELETE", f"{CONFIG_MAPS}/a", {"gracePeriodSeconds": 5, "orphanDependents": True})
    assert (refused.status, probe.phases) == (403, ["mutate", "validate"])
    admission = probe.admissions[-1]
    assert admission.obj is None and admission.old is not None and admission.old["data"] == {"x": "1"}
    assert (admission.options["gracePeriodSeconds"], admission.options["orphanDependents"]) == (5, True)
    assert (await api.call("DELETE", CONFIG_MAPS)).status == 403
    probe.validate = None
    assert (await api.call("DELETE", f"{CONFIG_MAPS}/a")).status == 200


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"propagationPolicy": "Foreground"}, 200),
        ({"propagationPolicy": "Background"}, 200),
        ({"orphanDependents": False}, 202),
        ({"orphanDependents": True}, 200),
    ],
)
async def test_only_an_old_way_to_ask_is_answered_with_accepted(api: API, options: Any, status: int) -> None:
    await api.create(CONFIG_MAPS, {**config_map("a"), "metadata": {"name": "a", "finalizers": ["example.com/f"]}})
    assert (await api.call("DELETE", f"{CONFIG_MAPS}/a", options)).status == status


async def test_a_deletion_on_trial_shows_what_it_would_leave(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a"))
    options = {"propagationPolicy": "Foreground", "dryRun": ["All"]}
    shown = (await api.call("DELETE", f"{CONFIG_MAPS}/a", options)).body["metadata"]
    assert shown["finalizers"] == ["foregroundDeletion"] and shown["deletionTimestamp"]
    assert "deletionTimestamp" not in (await api.get(f"{CONFIG_MAPS}/a"))["metadata"]


@pytest.mark.parametrize(("count", "together"), [(3, 3), (100, 64)])
async def test_a_collection_is_deleted_some_at_a_time(api: API, count: int, together: int) -> None:
    for number in range(count):
        await api.create(CONFIG_MAPS, config_map(f"c{number}"))
    probe, under_way, most = probing(api, "configmaps"), 0, 0

    async def hold(admission: Admission) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(200):
            await asyncio.sleep(0)
        under_way -= 1

    probe.validate = hold
    deleted = await api.call("DELETE", CONFIG_MAPS)
    assert (len(deleted.body["items"]), most) == (count, together)
    assert (await api.get(CONFIG_MAPS))["items"] == []


async def test_kinds_say_whether_a_deletion_answers_with_the_object(api: API) -> None:
    await api.service_account()
    account = await api.call("DELETE", "/api/v1/namespaces/default/serviceaccounts/default")
    assert account.body["kind"] == "ServiceAccount"
    await api.create(CONFIG_MAPS, config_map("a"))
    assert (await api.call("DELETE", f"{CONFIG_MAPS}/a")).body["kind"] == "Status"


def test_what_differs_in_the_order_of_fields_is_the_same() -> None:
    one = {"metadata": {"name": "a", "uid": "u"}, "data": {"x": 1, "y": [1, 2]}}
    assert storing._same(one, {"data": {"y": [1, 2], "x": 1}, "metadata": {"uid": "u", "name": "a"}})
    assert not storing._same(one, {**one, "data": {"x": True, "y": [1, 2]}})
    assert not storing._same(one, {**one, "data": {"x": 1, "y": [2, 1]}})
