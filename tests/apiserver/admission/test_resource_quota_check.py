"""Whether a write fits into quotas, decided without a server."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sampan.apiserver.admission.resource_quota.check import Refusal, Request, ScopeRefusal, charge
from sampan.apiserver.admission.resource_quota.limited import LimitedResource
from sampan.kinds.core.pod_resources import resources
from sampan.kinds.quota.evaluator import Change
from sampan.kinds.quota.registry import evaluator_of
from sampan.kinds.quota.scopes import Term
from sampan.machinery.meta import Object

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def quota(name: str = "q", *, used: Object, scopes: Any = (), **hard: str) -> Object:
    """A quota whose status is known; `__` stands for a dot."""
    amounts = {key.replace("__", "."): amount for key, amount in hard.items()}
    status = {"hard": amounts, "used": {key.replace("__", "."): amount for key, amount in used.items()}}
    return {"metadata": {"name": name}, "spec": {"hard": amounts, "scopes": list(scopes)}, "status": status}


def pod(cpu: str = "", **spec: Any) -> Object:
    amounts = {"requests": {"cpu": cpu}} if cpu else {}
    return {"metadata": {}, "spec": {"containers": [{"name": "c", "resources": amounts}], **spec}}


def write(
    quotas: list[Object],
    new: Object,
    old: Object | None = None,
    *,
    plural: str = "pods",
    sub: str = "",
    limited: Any = (),
) -> dict[str, dict[str, str]]:
    """What the quotas have used after a write, shown."""
    evaluator = evaluator_of("", plural)
    assert evaluator is not None
    change = Change("CREATE" if old is None else "UPDATE", sub, new, old)
    used = {one["metadata"]["name"]: resources(one["status"]["used"]) for one in quotas}
    after = charge(quotas, used, Request(change, evaluator, limited, NOW))
    return {name: {key: str(amount) for key, amount in total.items()} for name, total in after.items()}


def refused(*args: Any, **options: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        write(*args, **options)
    return str(refusal.value)


def test_what_fits_is_charged() -> None:
    both = quota(used={"pods": "1", "cpu": "200m"}, pods="2", cpu="1")
    assert write([both], pod("500m")) == {"q": {"pods": "2", "cpu": "700m"}}


def test_what_does_not_fit_is_refused_with_the_figures() -> None:
    full = quota(used={"pods": "2", "cpu": "600m", "secrets": "1"}, pods="2", cpu="1", secrets="5")
    assert refused([full], pod("500m")) == (
        "exceeded quota: q, requested: cpu=500m,pods=1, used: cpu=600m,pods=2, limited: cpu=1,pods=2"
    )


def test_a_quota_that_is_exceeded_already_refuses_only_what_adds_to_it() -> None:
    assert write([quota(used={"cpu": "5", "pods": "0"}, cpu="1", pods="9")], pod("0")) == {
        "q": {"cpu": "5", "pods": "1"}
    }


def test_every_quota_counts() -> None:
    quotas = [quota("a", used={"pods": "0"}, pods="5"), quota("b", used={"pods": "1"}, pods="1")]
    assert refused(quotas, pod()).startswith("exceeded quota: b,")
    assert write(quotas[:1], pod()) == {"a": {"pods": "1"}}


def test_a_quota_that_is_not_counted_yet_refuses() -> None:
    assert refused([quota(used={}, pods="1", cpu="1")], pod("1")) == "status unknown for quota: q, resources: pods,cpu"


def test_what_is_limited_must_be_said() -> None:
    assert refused([quota(used={"limits.cpu": "0"}, limits__cpu="1")], pod("1")) == (
        "failed quota: q: must specify limits.cpu for: c"
    )


def test_quotas_are_about_what_is_in_their_scope() -> None:
    short = quota(used={"pods": "1"}, pods="1", scopes=["Terminating"])
    assert write([short], pod()) == {}
    assert refused([short], pod(activeDeadlineSeconds=5)).startswith("exceeded quota: q, requested: pods=1")


def test_an_update_adds_only_what_is_new() -> None:
    counted = quota(used={"services": "1", "services.nodeports": "1"}, services="1", services__nodeports="2")

    def service(type_: str, ports: int) -> Object:
        return {"metadata": {}, "spec": {"type": type_, "ports": [{}] * ports}}

    assert write([counted], service("NodePort", 2), service("NodePort", 1), plural="services") == {
        "q": {"services": "1", "services.nodeports": "2"}
    }
    assert write([counted], service("ClusterIP", 1), service("NodePort", 1), plural="services") == {}
    assert refused([counted], service("NodePort", 3), service("NodePort", 1), plural="services") == (
        "exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=1, limited: services.nodeports=2"
    )


def test_an_object_that_enters_a_scope_adds_all_of_itself() -> None:
    short = quota(used={"pods": "0"}, pods="1", scopes=["Terminating"])
    assert write([short], pod(activeDeadlineSeconds=5), pod()) == {"q": {"pods": "1"}}


def test_a_resize_adds_the_difference() -> None:
    counted = quota(used={"cpu": "1"}, cpu="2")
    assert write([counted], pod("2"), pod("1"), sub="resize") == {"q": {"cpu": "2"}}
    assert refused([counted], pod("3"), pod("1"), sub="resize").startswith("exceeded quota: q, requested: cpu=2,")


def test_a_status_is_charged_but_not_refused() -> None:
    counted = quota(used={"requests.storage": "1"}, requests__storage="1")

    def claim(allocated: str) -> Object:
        resources = {"requests": {"storage": "1"}}
        return {
            "metadata": {},
            "spec": {"resources": resources},
            "status": {"allocatedResources": {"storage": allocated}},
        }

    written = write([counted], claim("3"), claim("1"), plural="persistentvolumeclaims", sub="status")
    assert written == {"q": {"requests.storage": "3"}}


def test_what_is_limited_by_configuration_needs_a_quota() -> None:
    limited = [LimitedResource("pods", match_contains=("requests.cpu",))]
    assert refused([], pod("1"), limited=limited) == "insufficient quota to consume: requests.cpu"
    assert write([], pod(), limited=limited) == {}
    counted = quota(used={"requests.cpu": "0"}, requests__cpu="1")
    assert write([counted], pod("1"), limited=limited) == {"q": {"requests.cpu": "1"}}


def test_scopes_that_are_limited_by_configuration_need_a_quota() -> None:
    limited = [LimitedResource("pods", match_scopes=(Term("PriorityClass", "In", ("high", "top")),))]
    with pytest.raises(ScopeRefusal) as refusal:
        write([], pod(priorityClassName="high"), limited=limited)
    assert str(refusal.value) == "insufficient quota to match these scopes: [{PriorityClass In [high top]}]"
    assert write([], pod(), limited=limited) == {}
    counted = quota(used={"pods": "0"}, pods="1", scopes=["PriorityClass"])
    assert write([counted], pod(priorityClassName="high"), limited=limited) == {"q": {"pods": "1"}}


def test_negative_usage_is_refused() -> None:
    assert refused([quota(used={"cpu": "0"}, cpu="1")], pod("-1")) == (
        "quota usage is negative for resource(s): cpu,requests.cpu"
    )
