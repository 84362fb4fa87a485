"""The plugins of one idea each, seen from outside."""

from collections.abc import Mapping
from typing import Any

import pytest

from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.admission.tolerations import merged
from sampan.kinds.default_class import default_class
from sampan.machinery.meta import Object
from tests.apiserver.harness import API, PODS, pod, running

RUNTIMES = "/apis/node.k8s.io/v1/runtimeclasses"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
SERVICES = "/api/v1/namespaces/default/services"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"


def flags(*names: str, **options: Any) -> Mapping[str, Any]:
    """A server with further plugins."""
    return {"admission": AdmissionConfiguration(enable=frozenset(names), **options)}


async def refusal(api: API, path: str, body: Object) -> str:
    """The message of a 403."""
    answer = await api.call("POST", path, body)
    assert answer.status == 403, answer
    message: str = answer.body["message"]
    return message


# RuntimeClass


async def test_a_runtime_class_must_exist(api: API) -> None:
    await api.service_account()
    assert await refusal(api, PODS, pod("p", runtimeClassName="none")) == (
        'pods "p" is forbidden: pod rejected: RuntimeClass "none" not found'
    )
    generated = pod("", runtimeClassName="none")
    generated["metadata"] = {"generateName": "web-"}
    assert (await refusal(api, PODS, generated)).startswith('pods "web-" is forbidden: ')


async def test_pods_carry_what_their_runtime_class_says(api: API) -> None:
    await api.service_account()
    scheduling = {
        "nodeSelector": {"runtime": "vm"},
        "tolerations": [{"key": "vm", "operator": "Exists", "effect": "NoSchedule"}],
    }
    body = {"handler": "vm", "overhead": {"podFixed": {"cpu": "250m"}}, "scheduling": scheduling}
    await api.create(RUNTIMES, {"metadata": {"name": "vm"}, **body})
    spec = (await api.create(PODS, pod("p", runtimeClassName="vm", nodeSelector={"a": "b"})))["spec"]
    assert spec["overhead"] == {"cpu": "250m"}
    assert spec["nodeSelector"] == {"a": "b", "runtime": "vm"}
    assert scheduling["tolerations"][0] in spec["tolerations"]
    await api.create(PODS, pod("same", runtimeClassName="vm", overhead={"cpu": "0.25"}))
    assert await refusal(api, PODS, pod("q", runtimeClassName="vm", overhead={"cpu": "1"})) == (
        "pods \"q\" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
    )
    assert await refusal(api, PODS, pod("q", runtimeClassName="vm", nodeSelector={"runtime": "x"})) == (
        'pods "q" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[runtime] = vm; '
        "pod.spec.nodeSelector[runtime] = x"
    )
    assert await refusal(api, PODS, pod("q", overhead={"cpu": "1"})) == (
        'pods "q" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead'
    )


def toleration(key: str = "", operator: str = "", effect: str = "", **more: Any) -> Object:
    named = {"key": key, "operator": operator, "effect": effect, **more}
    return {field: value for field, value in named.items() if value != ""}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([toleration("a", "Exists")], [toleration("a", "Exists")], [toleration("a", "Exists")]),
        ([toleration("a", "Exists", "NoSchedule")], [toleration("a", "Exists")], [toleration("a", "Exists")]),
        ([toleration("a", "Equal", value="x")], [toleration("", "Exists")], [toleration("", "Exists")]),
        (
            [toleration("a", "Equal", value="x")],
            [toleration("a", "Equal", value="y")],
            [toleration("a", "Equal", value="x"), toleration("a", "Equal", value="y")],
        ),
        (
            [toleration("a", "Exists", "NoExecute", tolerationSeconds=9)],
            [toleration("a", "Exists", "NoExecute", tolerationSeconds=5)],
            [toleration("a", "Exists", "NoExecute", tolerationSeconds=9)],
        ),
    ],
)
def test_tolerations_that_others_cover_are_left_out(
    first: list[Object], second: list[Object], expected: list[Object]
) -> None:
    assert merged(first, second) == expected


# DefaultIngressClass


def a_class(name: str, created: str = "2030-01-01T00:00:00Z", **marks: str) -> Object:
    return {"metadata": {"name": name, "creationTimestamp": created, "annotations": marks}}


def test_the_newest_default_wins() -> None:
    classes = [
        a_class("old", mark="true"),
        a_class("b", "2031-01-01T00:00:00Z", mark="true"),
        a_class("a", "2031-01-01T00:00:00Z", beta="true"),
        a_class("other", "2032-01-01T00:00:00Z", mark="false"),
    ]
    assert default_class(classes, ("mark", "beta")) == "a"
    assert default_class(classes, ("mark",)) == "b"
    assert default_class(classes, ("none",)) == ""


async def test_ingresses_get_the_default_class(api: API) -> None:
    backend = {"service": {"name": "s", "port": {"number": 80}}}

    def ingress(name: str, **annotations: str) -> Object:
        return {"metadata": {"name": name, "annotations": annotations}, "spec": {"defaultBackend": backend}}

    assert "ingressClassName" not in (await api.create(INGRESSES, ingress("before")))["spec"]
    marked = {"annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}, "name": "nginx"}
    path = "/apis/networking.k8s.io/v1/ingressclasses"
    await api.create(path, {"metadata": marked, "spec": {"controller": "example.com/c"}})
    assert (await api.create(INGRESSES, ingress("a")))["spec"]["ingressClassName"] == "nginx"
    old = await api.create(INGRESSES, ingress("b", **{"kubernetes.io/ingress.class": "x"}))
    assert "ingressClassName" not in old["spec"]


# ServiceAccount with mountable secrets


def with_env(name: str, source: Object) -> Object:
    return {"name": name, "image": "i", **source}


BY_KEY = {"env": [{"name": "E", "valueFrom": {"secretKeyRef": {"name": "other", "key": "k"}}}]}
ALL_OF_IT = {"envFrom": [{"secretRef": {"name": "other"}}]}
NOT_ALLOWED = "is not allowed because service account default does not reference that"


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (
            {"volumes": [{"name": "v", "secret": {"secretName": "other"}}]},
            f'volume with secret.secretName="other" {NOT_ALLOWED} secret',
        ),
        (
            {"initContainers": [with_env("i", BY_KEY)]},
            f'init container i with envVar E referencing secret.secretName="other" {NOT_ALLOWED} secret',
        ),
        (
            {"containers": [with_env("c", ALL_OF_IT)]},
            f'container c with envFrom referencing secret.secretName="other" {NOT_ALLOWED} secret',
        ),
        (
            {"imagePullSecrets": [{"name": "other"}]},
            f'imagePullSecrets[0].name="other" {NOT_ALLOWED} imagePullSecret',
        ),
    ],
)
async def test_accounts_that_name_their_secrets(api: API, spec: Object, why: str) -> None:
    marked = {"name": "default", "annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}
    account = {"metadata": marked, "secrets": [{"name": "mine"}], "imagePullSecrets": [{"name": "pull"}]}
    await api.create(ACCOUNTS, account)
    assert await refusal(api, PODS, pod("p", **spec)) == f'pods "p" is forbidden: {why}'
    await api.create(PODS, pod("q", volumes=[{"name": "v", "secret": {"secretName": "mine"}}]))
    lenient = {"metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "no"}}}
    await api.patch(f"{ACCOUNTS}/default", lenient)
    await api.create(PODS, pod("p", **spec))


async def test_debugging_containers_have_no_other_secrets_either(api: API) -> None:
    marked = {"name": "default", "annotations": {"kubernetes.io/enforce-mountable-secrets": "1"}}
    await api.create(ACCOUNTS, {"metadata": marked})
    await api.create(PODS, pod("p"))
    added = {"spec": {"ephemeralContainers": [with_env("d", ALL_OF_IT)]}}
    answer = await api.patch(f"{PODS}/p/ephemeralcontainers", added, kind="strategic-merge-patch")
    assert (answer.status, answer.body["message"]) == (
        500,
        f'ephemeral container d with envFrom referencing secret.secretName="other" {NOT_ALLOWED} secret',
    )


# By flag


async def test_images_are_pulled_always() -> None:
    async with running(**flags("AlwaysPullImages")) as api:
        await api.service_account()
        spec = {"containers": [{"name": "c", "image": "i:1", "imagePullPolicy": "Never"}]}
        made = await api.create(PODS, pod("p", **spec))
        assert made["spec"]["containers"][0]["imagePullPolicy"] == "Always"


async def test_external_addresses_are_denied() -> None:
    def service(*addresses: str) -> Object:
        return {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "externalIPs": list(addresses)}}

    async with running(**flags("DenyServiceExternalIPs")) as api:
        assert await refusal(api, SERVICES, service("192.0.2.1")) == (
            'services "s" is forbidden: Use of external IPs is denied by admission control'
        )
        await api.create(SERVICES, service())
        assert (await api.patch(f"{SERVICES}/s", {"spec": {"externalIPs": ["192.0.2.1"]}})).status == 403


async def test_devices_are_tolerated() -> None:
    async with running(**flags("ExtendedResourceToleration")) as api:
        await api.service_account()
        amounts = {"limits": {"example.com/gpu": "1", "cpu": "1"}}
        made = await api.create(PODS, pod("p", containers=[{"name": "c", "image": "i", "resources": amounts}]))
        found = [one for one in made["spec"]["tolerations"] if "example.com" in one["key"]]
        assert found == [{"key": "example.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


# PodTopologyLabels


async def test_pods_carry_the_zone_of_their_node(api: API) -> None:
    await api.service_account()
    places = {"topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": "r"}
    await api.create("/api/v1/nodes", {"metadata": {"name": "n", "labels": {**places, "other": "x"}}})
    await api.create(PODS, pod("p"))
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
    assert (await api.call("POST", f"{PODS}/p/binding", binding)).status == 201
    assert (await api.get(f"{PODS}/p"))["metadata"]["labels"] == places
    direct = await api.create(PODS, pod("q", nodeName="n"))
    assert direct["metadata"]["labels"] == places


# OwnerReferencesPermissionEnforcement


async def may(api: API, *verbs: str, resource: str) -> None:
    """Let joe do this."""
    name = f"{'-'.join(verbs)}-{resource.replace('/', '-')}"
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    rule = {"apiGroups": [""], "resources": [resource], "verbs": list(verbs)}
    await api.create(f"{path}/roles", {"metadata": {"name": name}, "rules": [rule]})
    joe = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    await api.create(f"{path}/rolebindings", {"metadata": {"name": name}, "roleRef": ref, "subjects": [joe]})


async def test_owners_are_set_by_those_who_may_delete() -> None:
    maps = "/api/v1/namespaces/default/configmaps"
    owner = {"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": "1"}
    blocking = {**owner, "blockOwnerDeletion": True}

    async def owned(refs: list[Object], name: str = "m") -> tuple[int, str]:
        answer = await api.patch(f"{maps}/{name}", {"metadata": {"ownerReferences": refs}}, user="joe")
        return answer.status, answer.body.get("message", "")

    async with running(**flags("OwnerReferencesPermissionEnforcement")) as api:
        await may(api, "create", "get", "update", "patch", resource="configmaps")
        body = {"metadata": {"name": "m", "ownerReferences": [owner]}}
        assert (await api.call("POST", maps, body, user="joe")).status == 201
        assert await owned([]) == (
            403,
            'configmaps "m" is forbidden: cannot set an ownerRef on a resource you can\'t delete: , <nil>',
        )
        await may(api, "delete", resource="configmaps")
        assert await owned([blocking]) == (
            403,
            'configmaps "m" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource '
            "you can't set finalizers on: , <nil>",
        )
        unknown = {**blocking, "kind": "Nothing"}
        assert "cannot find RESTMapping for APIVersion v1 Kind Nothing" in (await owned([unknown]))[1]
        await may(api, "update", resource="secrets/finalizers")
        assert (await owned([blocking]))[0] == 200
        assert (await owned([blocking, {**owner, "uid": "2"}]))[0] == 200
