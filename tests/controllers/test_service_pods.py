"""Pods and the Services that select them find each other by labels, and only where there is something to tell."""

from typing import Any

import pytest

from sampan.client.informer import Informer
from sampan.controllers.service_pods import endpoint_changed, index_pods, index_services, pods_of, services_of
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.machinery.meta import Object, key_of


def _obj(name: str, namespace: str = "default", labels: Any = None, **fields: Any) -> Object:
    meta = {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1", "labels": labels or {}}
    return {"metadata": meta, "spec": {}, **fields}


def service(name: str, namespace: str = "default", **selector: str) -> Object:
    return _obj(name, namespace, spec={"selector": selector})


def pod(name: str, ip: str = "10.0.0.1", namespace: str = "default", **labels: str) -> Object:
    return _obj(name, namespace, labels, status={"podIP": ip} if ip else {})


def filled(kind: Any, *objects: Object) -> Informer:
    informer = Informer(None, kind)  # type: ignore[arg-type] - that asks nobody
    (index_services if kind is SERVICE else index_pods)(informer)
    informer._replace({key_of(obj): obj for obj in objects})
    return informer


SERVICES = (
    service("one", app="a"),
    service("two", app="a", tier="web"),
    service("other-value", app="b"),
    service("elsewhere", "elsewhere", app="a"),
    service("none"),
)


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (pod("p", app="a"), ["one"]),
        (pod("p", app="a", tier="web", more="x"), ["one", "two"]),
        (pod("p", tier="web"), []),
        (pod("p"), []),
        (pod("p", "", app="a"), []),
        (pod("p", namespace="elsewhere", app="a"), ["elsewhere"]),
    ],
)
def test_services_of_a_pod(found: Object, names: list[str]) -> None:
    keys = services_of(filled(SERVICE, *SERVICES))(found)
    assert sorted(key.name for key in keys) == names


def test_pods_of_a_service() -> None:
    pods = filled(
        POD,
        pod("both", app="a", tier="web"),
        pod("one", app="a"),
        pod("none", tier="web"),
        pod("without-address", "", app="a", tier="web"),
        pod("elsewhere", namespace="elsewhere", app="a", tier="web"),
    )
    assert [found["metadata"]["name"] for found in pods_of(SERVICES[1], pods)] == ["both"]
    assert sorted(found["metadata"]["name"] for found in pods_of(SERVICES[0], pods)) == ["both", "one"]


def test_an_address_that_comes_or_goes_concerns_services() -> None:
    """An update's keys are those of both forms."""
    keys = services_of(filled(SERVICE, *SERVICES))
    before, after = pod("p", "", app="a"), pod("p", app="a")
    assert endpoint_changed(before, after)
    assert [*keys(before), *keys(after)] == [*keys(after), *keys(before)] == list(keys(after)) != []


class _Asked(dict[str, str]):
    """Labels of a pod, that count how often somebody compares them."""

    times = 0

    def items(self) -> Any:
        _Asked.times += 1
        return super().items()


def test_work_is_as_much_as_what_changed() -> None:
    """However many Services and pods there are besides."""
    services = filled(SERVICE, *(service(f"s{number}", app=f"a{number}") for number in range(1000)), *SERVICES)
    changed = _obj("p", labels=_Asked(app="a"), status={"podIP": "10.0.0.1"})
    _Asked.times = 0
    assert [key.name for key in services_of(services)(changed)] == ["one"]
    assert _Asked.times < 6
    many = (_obj(f"p{number}", labels=_Asked(app="a"), status={}) for number in range(1000))
    pods = filled(POD, *many, pod("with-address", app="a"))
    _Asked.times = 0
    assert [found["metadata"]["name"] for found in pods_of(SERVICES[0], pods)] == ["with-address"]
    assert _Asked.times == 0
