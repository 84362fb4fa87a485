"""What plugins are told of bodies that are no object of the resource, and of other versions."""

import pytest

from sampan.apiserver.admission.attributes import Admission, GroupVersionKind
from sampan.apiserver.admission.refusals import forbidden
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod
from tests.apiserver.probe import probing

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"


@pytest.fixture
async def ready(api: API) -> API:
    """Pod p, Deployment web."""
    await api.service_account()
    await api.create(PODS, pod("p"))
    await api.create(DEPLOYMENTS, deployment("web", replicas=1))
    return api


async def test_a_binding_and_an_eviction_are_what_was_sent(ready: API) -> None:
    probe = probing(ready, "pods", "pods/binding", "pods/eviction")
    await ready.create(f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"name": "n"}})
    await ready.create(
        f"{PODS}/p/eviction", {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": "p"}}
    )
    assert [(a.operation, a.subresource, a.name, a.sent) for a in probe.admissions[::2]] == [
        ("CREATE", "binding", "p", GroupVersionKind("", "v1", "Binding")),
        ("CREATE", "eviction", "p", GroupVersionKind("policy", "v1beta1", "Eviction")),
    ]
    assert probe.phases == ["mutate", "validate"] * 2  # no deletion of its own


async def test_a_plugin_may_refuse_an_eviction_a_token_and_a_connection(ready: API) -> None:
    probe = probing(ready, "pods/eviction", "pods/exec", "serviceaccounts/token")

    def refuse(admission: Admission) -> None:
        raise forbidden(admission, "no")

    probe.validate = refuse
    evicted = await ready.call("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
    assert evicted.body["message"] == 'pods "p" is forbidden: no'
    token = await ready.call("POST", f"{ACCOUNTS}/default/token", {"spec": {"expirationSeconds": 700}})
    assert token.body["message"] == 'serviceaccounts "default" is forbidden: no'
    assert probe.admissions[-1].sent == ("authentication.k8s.io", "v1", "TokenRequest")
    assert probe.admissions[-1].new["spec"] == {"expirationSeconds": 700}
    executed = await ready.call(
        "POST", f"{PODS}/p/exec", query={"command": "ls", "stdout": "true", "container": "main"}
    )
    assert executed.status == 403
    connection = probe.admissions[-1]
    assert (connection.operation, connection.sent) == ("CONNECT", ("", "v1", "PodExecOptions"))
    assert connection.new == {
        "kind": "PodExecOptions",
        "apiVersion": "v1",
        "stdout": True,
        "container": "main",
        "command": ["ls"],
    }
    assert (await ready.get(f"{PODS}/p"))["metadata"].get("deletionTimestamp") is None


async def test_a_scale_is_admitted_as_a_scale(ready: API) -> None:
    probe = probing(ready, "deployments/scale")
    probe.mutate = lambda admission: admission.new["spec"].update(replicas=4)
    answer = await ready.patch(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 3}})
    assert answer.body["spec"]["replicas"] == 4
    first, second = probe.admissions
    assert first.sent == ("autoscaling", "v1", "Scale") and first is second
    assert first.old is not None and first.old["spec"] == {"replicas": 1}
    assert probe.seen[1][2]["kind"] == "Scale" and probe.seen[1][2]["spec"] == {"replicas": 4}
    assert (await ready.get(f"{DEPLOYMENTS}/web"))["spec"]["replicas"] == 4


async def test_an_object_is_shown_in_the_version_of_the_request(ready: API) -> None:
    probe, shown = probing(ready, "deployments"), []

    def through_another_version(admission: Admission) -> None:
        tree = admission.external(admission.new)
        shown.append(tree["apiVersion"])
        tree["spec"]["rollbackTo"] = {"revision": 3}
        admission.replace(tree)

    probe.mutate = through_another_version
    legacy = "/apis/extensions/v1beta1/namespaces/default/deployments"
    await ready.create(legacy, {**deployment("old"), "apiVersion": "extensions/v1beta1"})
    assert (shown, probe.admissions[0].sent) == (["extensions/v1beta1"], ("extensions", "v1beta1", "Deployment"))
    stored = await ready.get(f"{DEPLOYMENTS}/old")
    assert stored["metadata"]["annotations"] == {"deprecated.deployment.rollback.to": "3"}


async def test_reviews_are_admitted(api: API) -> None:
    probe = probing(api, "selfsubjectaccessreviews")
    review = {"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}
    await api.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert [(a.operation, a.sent.kind) for a in probe.admissions] == [("CREATE", "SelfSubjectAccessReview")] * 2


async def test_a_refusal_names_what_has_no_name_yet(api: API) -> None:
    refused = await api.call("POST", PODS, {**pod("x"), "metadata": {"generateName": "web-"}})
    assert refused.body["message"].startswith('pods "web-" is forbidden: error looking up service account')
    probe = probing(api, "configmaps", "namespaces")
    await api.create(CONFIG_MAPS, {**config_map("x"), "metadata": {"generateName": "c-"}})
    assert probe.admissions[0].namespace == "default"
    await api.create("/api/v1/namespaces", {"metadata": {"name": "n"}})
    assert probe.admissions[-1].namespace == "n"  # a namespace lies in itself
