"""Buckets of Events."""

from datetime import UTC, datetime, timedelta

import pytest

from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.admission.event_rate_limit.limits import Enforcer, Limit, refusals
from tests.apiserver.harness import running

START = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_bucket_empties_and_fills() -> None:
    enforcer = Enforcer(Limit("Server", qps=2, burst=3))
    assert [enforcer.accepts("", START) for _ in range(4)] == [True, True, True, False]
    half = START + timedelta(milliseconds=500)
    assert [enforcer.accepts("", half) for _ in range(2)] == [True, False]
    later = START + timedelta(hours=1)
    assert [enforcer.accepts("", later) for _ in range(4)] == [True, True, True, False]


def test_every_key_has_its_own_bucket_and_few_are_kept() -> None:
    enforcer = Enforcer(Limit("User", qps=1, burst=1, cache_size=2))
    assert [enforcer.accepts(key, START) for key in ("a", "b", "a", "b")] == [True, True, False, False]
    assert enforcer.accepts("c", START)  # and a is forgotten
    assert len(enforcer) == 2
    assert enforcer.accepts("a", START)


def test_all_limits_are_told() -> None:
    enforcers = [Enforcer(Limit(type_, qps=1, burst=1)) for type_ in ("Namespace", "User")]
    keys = {"Namespace": "shop", "User": "joe"}
    assert refusals(enforcers, keys, START) == []  # type: ignore[arg-type]
    assert refusals(enforcers, keys, START) == [  # type: ignore[arg-type]
        "limit reached on type Namespace for key shop",
        "limit reached on type User for key joe",
    ]


@pytest.mark.parametrize("wrong", [{"qps": 0}, {"burst": 0}, {"cache_size": -1}])
def test_limits_that_are_none(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limit("Server", **{"qps": 1, "burst": 1, **wrong})


async def test_seen_from_outside() -> None:
    limits = (Limit("SourceAndObject", qps=1, burst=2), Limit("Server", qps=1, burst=100))
    path = "/api/v1/namespaces/default/events"

    def event(name: str, pod: str) -> object:
        involved = {"kind": "Pod", "namespace": "default", "name": pod}
        source = {"component": "kubelet"}
        return {"metadata": {"name": name}, "involvedObject": involved, "source": source, "type": "Normal"}

    configuration = AdmissionConfiguration(enable=frozenset({"EventRateLimit"}), event_limits=limits)
    async with running(admission=configuration, now=lambda: START) as api:
        statuses = [(await api.call("POST", path, event(f"e{n}", "p"))).status for n in range(3)]
        assert statuses == [201, 201, 429]
        await api.create(path, event("other", "q"))
