"""Numbers at their extremes besides objects, in options, queries and subresources: each gets an answer, never a 5xx."""

from typing import Any

import pytest

from tests.apiserver.harness import API, DEPLOYMENTS, PODS
from tests.extremes import INT64

NUMBERS = [*INT64, 2**64, 10**30]
POD = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "main", "image": "a"}]}}


def deployment(replicas: int) -> Any:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": POD["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"metadata": {"name": "web"}, "spec": spec}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("option", ["limit", "timeoutSeconds"])
async def test_lists(api: API, option: str, number: int) -> None:
    answer = await api.call("GET", PODS, query={option: str(number)})
    assert answer.status in (200, 400), answer


@pytest.mark.parametrize(("number", "status"), [(-(2**63), 422), (0, 200), (2**63 - 1, 504), (10**30, 422)])
async def test_resource_versions(api: API, number: int, status: int) -> None:
    """One that is yet to come is waited for, three seconds long."""
    assert (await api.call("GET", PODS, query={"resourceVersion": str(number)})).status == status


@pytest.mark.parametrize("number", NUMBERS)
async def test_grace_periods(api: API, number: int) -> None:
    await api.service_account()
    await api.create(PODS, {**POD, "spec": {**POD["spec"], "nodeName": "n1"}})
    sent = str(number).encode()
    for body in (b'{"gracePeriodSeconds":%b}' % sent, b'{"gracePeriodSeconds":0}'):
        assert (await api.call("DELETE", f"{PODS}/a", body)).status in (200, 400, 404, 422)
    assert (await api.call("GET", PODS)).status == 200


@pytest.mark.parametrize("number", NUMBERS)
async def test_subresources(api: API, number: int) -> None:
    await api.service_account()
    await api.create(DEPLOYMENTS, deployment(1))
    sent = str(number).encode()
    scaled = await api.patch(f"{DEPLOYMENTS}/web/scale", b'{"spec":{"replicas":%b}}' % sent)
    assert (scaled.status == 200) == (0 <= number < 2**31) and scaled.status < 500
    token = b'{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","spec":{"expirationSeconds":%b}}' % sent
    answer = await api.call("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", token)
    assert answer.status in (201, 400, 422)
