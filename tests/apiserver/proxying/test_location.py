"""Where a proxied request goes."""

from typing import Any

import pytest

from sampan.apiserver.proxying.location import (
    Location,
    Wanted,
    is_global_unicast,
    pod_location,
    random_endpoint,
    service_location,
    wanted_of,
)
from sampan.apiserver.subresources.kubelets import node_address
from sampan.machinery.errors import APIError, BadRequest, InternalError, NotFound, ServiceUnavailable


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("web", ("", "web", "")),
        ("web:80", ("", "web", "80")),
        ("web:", ("", "web", "")),
        ("https:web:", ("https", "web", "")),
        ("http:web:http", ("http", "web", "http")),
        (":web:80", ("", "web", "80")),
    ],
)
def test_names(text: str, wanted: Wanted) -> None:
    assert wanted_of(text, "pod") == wanted


@pytest.mark.parametrize("text", ["", ":80", "ftp:web:21", "a:b:c:d", "http::80"])
def test_names_that_are_none(text: str) -> None:
    with pytest.raises(BadRequest, match=f'^invalid pod request "{text}"$'):
        wanted_of(text, "pod")


def pod(address: str = "10.1.2.3", *ports: int) -> Any:
    containers = [{"name": "first"}, {"name": "second", "ports": [{"containerPort": port} for port in ports]}]
    return {"spec": {"containers": containers}, "status": {"podIPs": [{"ip": address}] if address else []}}


def test_a_pod_is_dialled_at_the_port_named_or_the_first_declared() -> None:
    assert pod_location(Wanted("", "p", "81"), pod("10.1.2.3", 80)) == Location("http", "10.1.2.3", 81)
    assert pod_location(Wanted("", "p", ""), pod("10.1.2.3", 8080, 9090)) == Location("http", "10.1.2.3", 8080)
    assert pod_location(Wanted("", "p", ""), pod()).port == 80
    assert pod_location(Wanted("https", "p", ""), pod("fd00::1")) == Location("https", "fd00::1", 443)


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "8_0", "\u0661"])
def test_ports_of_pods_are_numbers(port: str) -> None:
    with pytest.raises(BadRequest, match="invalid port"):
        pod_location(Wanted("", "p", port), pod())


LOCAL = ["", "x", "127.0.0.1", "127.9.9.9", "169.254.169.254", "0.0.0.0", "255.255.255.255", "224.0.0.1"]
LOCAL += ["::1", "::", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.1.1"]


@pytest.mark.parametrize("address", LOCAL)
def test_what_is_local_is_never_dialled(address: str) -> None:
    assert not is_global_unicast(address)
    with pytest.raises(BadRequest, match="address not allowed"):
        pod_location(Wanted("", "p", "80"), pod(address))


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.0.1", "8.8.8.8", "fd00::1", "2001:db8::1", "100.64.0.1"])
def test_hosts_in_networks_are(address: str) -> None:
    assert is_global_unicast(address)


def endpoint(address: str, **conditions: bool) -> Any:
    return {"addresses": [address], "conditions": conditions}


SERVICE = {"spec": {"ports": [{"port": 80, "name": "http", "targetPort": 8080}, {"port": 443, "name": "https"}]}}
SLICE = {
    "ports": [{"name": "http", "port": 8080}, {"name": "https", "port": 8443}],
    "endpoints": [endpoint("10.0.0.1"), endpoint("10.0.0.2", ready=True), endpoint("10.0.0.3", ready=False)],
}
UNNAMED = {"ports": [{"name": "", "port": 9376}], "endpoints": [endpoint("10.0.0.9")]}


def everything(one: Any) -> bool:
    return True


@pytest.mark.parametrize(
    ("port", "expected"), [("http", 8080), ("80", 8080), ("443", 8443), ("080", 8080), ("https", 8443)]
)
def test_a_service_leads_to_a_ready_endpoint(port: str, expected: int) -> None:
    found = {service_location(Wanted("", "s", port), SERVICE, [SLICE], everything) for _ in range(100)}
    assert found == {Location("http", address, expected) for address in ("10.0.0.1", "10.0.0.2")}


def test_a_service_without_a_port_in_the_name_has_an_unnamed_one() -> None:
    wanted = Wanted("https", "s", "")
    assert service_location(wanted, None, [SLICE, UNNAMED], everything) == Location("https", "10.0.0.9", 9376)


@pytest.mark.parametrize(
    ("port", "service", "error", "text"),
    [
        ("", SERVICE, ServiceUnavailable, 'no endpoints available for service "s"'),
        ("", None, ServiceUnavailable, 'no endpoints available for service "s"'),
        ("grpc", SERVICE, ServiceUnavailable, 'no endpoints available for service "s"'),
        ("81", SERVICE, ServiceUnavailable, 'no service port 81 found for service "s"'),
        ("80", None, NotFound, 'services "s" not found'),
    ],
)
def test_services_that_lead_nowhere(port: str, service: Any, error: type[APIError], text: str) -> None:
    with pytest.raises(error, match=f"^{text}$"):
        service_location(Wanted("", "s", port), service, [SLICE], everything)


def test_only_endpoints_that_pass_are_taken() -> None:
    found = {random_endpoint([SLICE, UNNAMED], "http", lambda one: one["addresses"] == ["10.0.0.2"]) for _ in "abc"}
    assert found == {("10.0.0.2", 8080)}
    assert random_endpoint([SLICE], "http", lambda one: False) is None


@pytest.mark.parametrize("address", ["[::1]", "a b", "127.0.0.1:1", "x/../y", "\r\nHost: y", "-x", "", "a@b"])
def test_a_nodes_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(InternalError, match="address"):
        node_address({"status": {"addresses": [{"type": "InternalIP", "address": address}]}})
