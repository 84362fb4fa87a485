"""PodSecurity by the labels of namespaces, seen from outside and in its bounds."""

from typing import Any

import pytest

from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.admission.order import chosen
from sampan.apiserver.admission.pod_security import existing
from sampan.apiserver.admission.pod_security.configuration import PodSecurityConfiguration
from sampan.apiserver.admission.pod_security.policy import LevelVersion, Policy, read
from tests.apiserver.harness import API, deployment, pod, running

PREFIX = "pod-security.kubernetes.io/"
PRIVILEGED = {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": True}}]}
WHY = 'privileged (container "c" must not set securityContext.privileged=true)'


async def namespace(api: API, name: str = "shop", **labels: str) -> str:
    """Make one with these labels, and an account for its pods; the path of its pods."""
    marked = {PREFIX + key.replace("_", "-"): value for key, value in labels.items()}
    await api.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": marked}})
    await api.service_account(name)
    return f"/api/v1/namespaces/{name}/pods"


async def relabel(api: API, **labels: str | None) -> Any:
    """Change the labels of the namespace."""
    marked = {PREFIX + key.replace("_", "-"): value for key, value in labels.items()}
    return await api.patch("/api/v1/namespaces/shop", {"metadata": {"labels": marked}})


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, ("privileged:latest", "privileged:latest", "privileged:latest")),
        ({"enforce": "baseline"}, ("baseline:latest", "privileged:latest", "baseline:latest")),
        (
            {"enforce": "restricted", "enforce-version": "v1.24"},
            ("restricted:v1.24", "privileged:latest", "restricted:v1.24"),
        ),
        ({"enforce": "baseline", "warn": "privileged"}, ("baseline:latest", "privileged:latest", "privileged:latest")),
        ({"enforce": "baseline", "warn-version": "v1.1"}, ("baseline:latest", "privileged:latest", "baseline:v1.1")),
        (
            {"audit": "restricted", "audit-version": "v1.0"},
            ("privileged:latest", "restricted:v1.0", "privileged:latest"),
        ),
        # what is wrong is enforced strictly, and neither noted nor warned of
        ({"enforce": "x", "audit": "x", "warn": "x"}, ("restricted:latest", "privileged:latest", "privileged:latest")),
        (
            {"enforce": "baseline", "enforce-version": "v1.07"},
            ("baseline:latest", "privileged:latest", "baseline:latest"),
        ),
    ],
)
def test_labels_make_a_policy(labels: dict[str, str], expected: tuple[str, str, str]) -> None:
    found = read({PREFIX + key: value for key, value in labels.items()}, Policy())
    assert tuple(map(str, found.policy)) == expected


@pytest.mark.parametrize("version", ["", "1.25", "v1", "v1.", "v2.0", "v1.25.3", "v1.٣", "v1.9223372036854775808"])
def test_versions_that_are_none(version: str) -> None:
    (error,) = read({f"{PREFIX}enforce-version": version}, Policy()).errors
    assert str(error) == (
        f'metadata.labels[{PREFIX}enforce-version]: Invalid value: "{version}": must be "latest" or "v1.x"'
    )


async def test_pods_are_refused(api: API) -> None:
    pods = await namespace(api, enforce="baseline")
    answer = await api.call("POST", pods, pod("p", **PRIVILEGED))
    assert (answer.status, answer.body["message"]) == (
        403,
        f'pods "p" is forbidden: violates PodSecurity "baseline:latest": {WHY}',
    )
    assert answer.body["details"] == {"name": "p", "kind": "pods"}
    assert answer.warnings == []
    await api.create(pods, pod("q"))


async def test_debugging_containers_are_refused_too(api: API) -> None:
    pods = await namespace(api, enforce="baseline")
    await api.create(pods, pod("p"))
    added = {"spec": {"ephemeralContainers": PRIVILEGED["containers"]}}
    answer = await api.patch(f"{pods}/p/ephemeralcontainers", added, kind="strategic-merge-patch")
    assert (answer.status, f'violates PodSecurity "baseline:latest": {WHY}' in answer.body["message"]) == (403, True)


async def test_updates_of_pods_matter_where_an_image_changes(api: API) -> None:
    pods = await namespace(api)
    await api.create(pods, pod("p", **PRIVILEGED))
    await relabel(api, enforce="baseline")
    assert (await api.patch(f"{pods}/p", {"metadata": {"labels": {"a": "b"}}})).status == 200
    image = {"spec": {"containers": [{"name": "c", "image": "new"}]}}
    assert (await api.patch(f"{pods}/p", image, kind="strategic-merge-patch")).status == 403
    status = await api.patch(f"{pods}/p/status", {"status": {"phase": "Running"}})
    assert status.status == 200


async def test_templates_are_warned_of(api: API) -> None:
    await namespace(api, warn="baseline", warn_version="v1.30")
    body = deployment("d")
    body["spec"]["template"]["spec"] = PRIVILEGED
    answer = await api.call("POST", "/apis/apps/v1/namespaces/shop/deployments", body)
    told = f'would violate PodSecurity "baseline:v1.30": {WHY}'.replace('"', '\\"')
    assert (answer.status, answer.warnings) == (201, [f'299 - "{told}"'])


async def test_labels_of_namespaces_are_checked_when_they_are_new(api: API) -> None:
    body = {"metadata": {"name": "shop", "labels": {f"{PREFIX}enforce": "strict"}}}
    answer = await api.call("POST", "/api/v1/namespaces", body)
    assert (answer.status, answer.body["message"]) == (
        422,
        f'Namespace "shop" is invalid: metadata.labels[{PREFIX}enforce]: Invalid value: "strict": '
        "must be one of privileged, baseline, restricted",
    )
    await namespace(api)
    assert (await relabel(api, warn="x")).status == 422
    assert (await relabel(api, warn="restricted")).status == 200


async def test_exemptions() -> None:
    configuration = PodSecurityConfiguration(
        defaults=Policy(enforce=LevelVersion("baseline")),
        namespaces=frozenset({"shop"}),
        usernames=frozenset({"admin"}),
    )
    async with running(admission=AdmissionConfiguration(pod_security=configuration)) as api:
        await api.create(await namespace(api), pod("p", **PRIVILEGED))
        await api.create(await namespace(api, "other"), pod("p", **PRIVILEGED))
    configuration = PodSecurityConfiguration(defaults=Policy(enforce=LevelVersion("baseline")))
    async with running(admission=AdmissionConfiguration(pod_security=configuration)) as api:
        assert (await api.call("POST", await namespace(api), pod("p", **PRIVILEGED))).status == 403


async def test_a_plugin_can_be_switched_off() -> None:
    async with running(admission=AdmissionConfiguration(disable=frozenset({"PodSecurity"}))) as api:
        await api.create(await namespace(api, enforce="baseline"), pod("p", **PRIVILEGED))


def test_unknown_plugins_are_named() -> None:
    with pytest.raises(ValueError, match='enable-admission-plugins plugin "Nope" is unknown'):
        chosen(AdmissionConfiguration(enable=frozenset({"Nope"})))
    both = frozenset({"PodSecurity"})
    with pytest.raises(ValueError, match="overlapped"):
        chosen(AdmissionConfiguration(enable=both, disable=both))


def existing_pod(name: str, owner: str = "") -> Any:
    """A pod that baseline forbids, perhaps one of several alike."""
    owners = [{"apiVersion": "v1", "kind": "X", "name": owner, "uid": owner, "controller": True}] if owner else []
    return {"metadata": {"name": name, "ownerReferences": owners}, "spec": PRIVILEGED}


async def test_existing_pods_are_told_of_by_fault() -> None:
    plain = {"metadata": {"name": "fine"}, "spec": {"containers": [{"name": "c"}]}}
    host = {"metadata": {"name": "z"}, "spec": {"hostPID": True, "containers": []}}
    pods = [existing_pod("b"), existing_pod("c"), existing_pod("a"), plain, host]
    assert await existing.warnings("shop", pods, LevelVersion("baseline")) == [
        'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 2 other pods): privileged",
        "z: host namespaces",
    ]
    assert "a (and 1 other pod): privileged" in await existing.warnings("s", pods[1:], LevelVersion("baseline"))


async def test_one_pod_of_each_controller_comes_first() -> None:
    pods = [existing_pod("r1", "r"), existing_pod("r2", "r"), existing_pod("s1", "s"), existing_pod("alone")]
    assert [pod["metadata"]["name"] for pod in existing.by_importance(pods)] == ["r1", "s1", "alone", "r2"]


async def test_very_many_pods_are_not_all_looked_at() -> None:
    pods = [existing_pod(f"p{number}") for number in range(existing.MAX_PODS + 5)]
    first = (await existing.warnings("shop", pods, LevelVersion("baseline"), lambda: 0.0))[0]
    assert first == "new PodSecurity enforce level only checked against the first 3000 of 3005 existing pods"
    times = iter([0.0, 0.5, 1.5])
    first = (await existing.warnings("shop", pods, LevelVersion("baseline"), lambda: next(times)))[0]
    assert first == "new PodSecurity enforce level only checked against the first 100 of 3005 existing pods"


async def test_a_stricter_policy_tells_of_the_pods_that_are_there(api: API) -> None:
    pods = await namespace(api)
    await api.create(pods, pod("p", **PRIVILEGED))
    answer = await relabel(api, enforce="baseline")
    told = 'existing pods in namespace \\"shop\\" violate the new PodSecurity enforce level \\"baseline:latest\\"'
    assert (answer.status, answer.warnings) == (200, [f'299 - "{told}"', '299 - "p: privileged"'])
    assert (await relabel(api, enforce="baseline")).warnings == []
    assert (await relabel(api, enforce="privileged")).warnings == []


async def test_an_exempt_namespace_is_told_that_its_labels_do_nothing() -> None:
    configuration = PodSecurityConfiguration(namespaces=frozenset({"shop"}))
    async with running(admission=AdmissionConfiguration(pod_security=configuration)) as api:
        labels = {f"{PREFIX}enforce": "baseline", f"{PREFIX}audit": "restricted"}
        body = {"metadata": {"name": "shop", "labels": labels}}
        told = (
            'namespace \\"shop\\" is exempt from Pod Security, and the policy (enforce=baseline:latest, '
            "audit=restricted:latest) will be ignored"
        )
        assert (await api.call("POST", "/api/v1/namespaces", body)).warnings == [f'299 - "{told}"']
