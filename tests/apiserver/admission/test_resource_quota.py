"""Quotas, seen from outside."""

import asyncio
from typing import Any

from sampan.machinery.meta import Object
from tests.apiserver.harness import API, PODS, config_map, pod

QUOTAS = "/api/v1/namespaces/default/resourcequotas"
MAPS = "/api/v1/namespaces/default/configmaps"


async def quota(api: API, name: str = "q", **hard: str) -> None:
    """A quota that nothing has used yet, as its controller would have it; `__` stands for a slash."""
    amounts = {key.replace("__", "/"): amount for key, amount in hard.items()}
    await api.create(QUOTAS, {"metadata": {"name": name}, "spec": {"hard": amounts}})
    status = {"hard": amounts, "used": dict.fromkeys(amounts, "0")}
    assert (await api.patch(f"{QUOTAS}/{name}/status", {"status": status})).status == 200


async def used(api: API, name: str = "q") -> Any:
    return (await api.get(f"{QUOTAS}/{name}"))["status"]["used"]


async def test_what_exceeds_a_quota_is_refused(api: API) -> None:
    await quota(api, configmaps="1")
    await api.create(MAPS, config_map("a"))
    answer = await api.call("POST", MAPS, config_map("b"))
    assert (answer.status, answer.body["message"]) == (
        403,
        'configmaps "b" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, '
        "limited: configmaps=1",
    )
    assert answer.body["details"] == {"name": "b", "kind": "configmaps"}


async def test_many_at_once_never_exceed_a_quota(api: API) -> None:
    await quota(api, configmaps="7")
    await quota(api, "other", count__configmaps="9")
    answers = await asyncio.gather(*(api.call("POST", MAPS, config_map(f"m{n}")) for n in range(30)))
    assert sorted(answer.status for answer in answers) == [201] * 7 + [403] * 23
    assert await used(api) == {"configmaps": "7"}
    assert await used(api, "other") == {"count/configmaps": "7"}


async def test_a_dry_run_charges_nothing(api: API) -> None:
    await quota(api, configmaps="1")
    for _ in range(2):
        assert (await api.call("POST", MAPS, config_map("a"), query={"dryRun": "All"})).status == 201
    assert await used(api) == {"configmaps": "0"}


async def test_what_is_invalid_charges_nothing(api: API) -> None:
    await quota(api, configmaps="1")
    assert (await api.call("POST", MAPS, config_map("Not A Name"))).status == 422
    assert await used(api) == {"configmaps": "0"}


async def test_pods_must_say_what_is_limited(api: API) -> None:
    await api.service_account()
    await quota(api, **{"limits.cpu": "1"})
    answer = await api.call("POST", PODS, pod("p"))
    assert (answer.status, answer.body["message"]) == (
        403,
        'pods "p" is forbidden: failed quota: q: must specify limits.cpu for: main',
    )
    limited: Object = {"name": "main", "image": "i", "resources": {"limits": {"cpu": "400m"}}}
    await api.create(PODS, pod("p", containers=[limited]))
    assert await used(api) == {"limits.cpu": "400m"}


async def test_a_quota_that_nobody_has_counted_refuses(api: API) -> None:
    await api.create(QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "5"}}})
    await api.create(MAPS, config_map("a"))  # nothing is known to be limited
    await api.patch(f"{QUOTAS}/q/status", {"status": {"hard": {"configmaps": "5"}}})
    answer = await api.call("POST", MAPS, config_map("b"))
    assert answer.body["message"].endswith("status unknown for quota: q, resources: configmaps")


async def test_services_that_change_their_type(api: API) -> None:
    path = "/api/v1/namespaces/default/services"
    await quota(api, **{"services.loadbalancers": "0", "services.nodeports": "1", "services": "2"})
    await api.create(path, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
    answer = await api.patch(f"{path}/s", {"spec": {"type": "LoadBalancer"}})
    assert (answer.status, "exceeded quota: q, requested: services.loadbalancers=1" in answer.body["message"]) == (
        403,
        True,
    )
    assert (await api.patch(f"{path}/s", {"spec": {"type": "NodePort"}})).status == 200
    assert await used(api) == {"services": "1", "services.loadbalancers": "0", "services.nodeports": "1"}
