"""The condition Available: what is wrong with a Service, and how conditions change."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sampan.apiserver.aggregation.availability import PASSED, failed_discovery, preliminary, with_verdict
from sampan.apiserver.aggregation.backends import ServicePort
from tests.apiserver.aggregation.backend import API_SERVICES, NAME, available, backend, front, register, until_reason

WANTED = ServicePort("shop", "api", 443)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def service(port: int = 443, **spec: Any) -> Any:
    return {"metadata": {}, "spec": {"ports": [{"port": port, "name": "https"}], **spec}}


def slice_of(*ready: bool, name: str = "https", port: int | None = 8443) -> Any:
    endpoints = [{"addresses": ["192.0.2.1"], "conditions": {"ready": one}} for one in ready]
    return {"endpoints": endpoints, "ports": [{"name": name, "port": port}]}


@pytest.mark.parametrize(
    ("found", "slices", "reason", "message"),
    [
        (None, [], "ServiceNotFound", 'service/api in "shop" is not present'),
        (service(80), [], "ServicePortError", 'service/api in "shop" is not listening on port 443'),
        (service(), [], "EndpointsNotFound", 'cannot find endpointslices for service/api in "shop"'),
        (
            service(),
            [slice_of(False), slice_of(True, name="http")],
            "MissingEndpoints",
            'endpointslices for service/api in "shop" have no addresses with port name "https"',
        ),
        (service(), [slice_of(True, port=None)], "MissingEndpoints", None),
    ],
)
def test_what_is_wrong_is_said_as_upstream_says_it(found: Any, slices: Any, reason: str, message: str | None) -> None:
    verdict = preliminary(WANTED, found, slices)
    assert verdict is not None
    assert (verdict.status, verdict.reason) == ("False", reason)
    assert message is None or verdict.message == message


@pytest.mark.parametrize(
    ("found", "slices"),
    [
        (service(), [slice_of(False, True)]),
        (
            service(),
            [slice_of(), {"endpoints": [{"addresses": ["192.0.2.1"]}], "ports": [{"name": "https", "port": 1}]}],
        ),
        (service(80, type="ExternalName"), []),
        (service(80, type="NodePort"), []),
    ],
)
def test_the_rest_is_worth_asking(found: Any, slices: Any) -> None:
    assert preliminary(WANTED, found, slices) is None


def test_a_condition_stays_in_its_place_and_its_time_moves_with_its_status_only() -> None:
    old = {"type": "Available", "status": "False", "lastTransitionTime": "2025-01-01T00:00:00Z", "reason": "R"}
    other = {"type": "Other", "status": "True"}
    still = with_verdict([old, other], failed_discovery("why"), NOW)
    assert [one["type"] for one in still] == ["Available", "Other"]
    assert (still[0]["reason"], still[0]["message"]) == ("FailedDiscoveryCheck", "why")
    assert still[0]["lastTransitionTime"] == "2025-01-01T00:00:00Z"
    changed = with_verdict(still, PASSED, NOW)
    assert (changed[0]["status"], changed[0]["lastTransitionTime"]) == ("True", "2026-01-02T00:00:00Z")
    assert with_verdict([other], PASSED, NOW)[1]["message"] == "all checks passed"


async def test_what_somebody_writes_into_the_status_is_kept_beside_it() -> None:
    async with backend() as sample, front() as api:
        await register(api, sample.port)
        path = f"{API_SERVICES}/{NAME}/status"
        found = await api.get(path)
        found["status"]["conditions"].append({"type": "Mine", "status": "True"})
        assert (await api.call("PUT", path, found)).status == 200
        await api.patch(f"{API_SERVICES}/{NAME}", {"spec": {"service": {"name": "none"}}})
        await until_reason(api, "ServiceNotFound")
        types = [one["type"] for one in (await api.get(path))["status"]["conditions"]]
        assert types == ["Available", "Mine"]


async def test_one_that_this_server_takes_over_is_available_at_once() -> None:
    async with backend() as sample, front() as api:
        await register(api, sample.port)
        local = {"spec": {"service": None, "caBundle": None}}
        assert (await api.patch(f"{API_SERVICES}/{NAME}", local)).status == 200
        condition = await until_reason(api, "Local")
        assert condition["message"] == "Local APIServices are always available"
        assert available(await api.get(f"{API_SERVICES}/{NAME}"))["status"] == "True"
