"""The Kubernetes DNS specification, and the zone that looks its records up."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.dns.records import Record, Srv, domain_records, namespace_records, pod_address, service_records
from sampan.dns.zone import Answer, Zone
from sampan.machinery.meta import Object
from tests.dns.objects import DOMAIN, endpoint, endpoint_slice, namespace, service

S = "svc.cluster.local"


def show(record: Record) -> str:
    return f"{record.type} {' '.join(map(str, record.data)) if isinstance(record.data, Srv) else record.data}"


def table(obj: Object, *slices: Object) -> dict[str, list[str]]:
    return {name: list(map(show, found)) for name, found in service_records(obj, slices, DOMAIN).items()}


def test_a_service_with_a_cluster_ip() -> None:
    assert table(service("web")) == {
        f"web.default.{S}": ["A 10.96.0.5", f"SRV 0 100 80 web.default.{S}"],
        f"_http._tcp.web.default.{S}": [f"SRV 0 100 80 web.default.{S}"],
        "5.0.96.10.in-addr.arpa": [f"PTR web.default.{S}"],
    }


def test_unnamed_ports_have_no_srv_name_and_several_share_the_weight() -> None:
    ports = [{"port": 53, "protocol": "UDP", "name": "dns"}, {"port": 54, "protocol": "TCP", "name": "dns-tcp"}]
    assert table(service("two", ports=ports))[f"two.default.{S}"][1:] == [
        f"SRV 0 50 53 two.default.{S}",
        f"SRV 0 50 54 two.default.{S}",
    ]
    assert not [name for name in table(service("one", ports=[{"port": 80}])) if name.startswith("_")]


def test_a_headless_service() -> None:
    pods = endpoint_slice("db", endpoint("10.244.0.5", hostname="db-0"), endpoint("10.244.0.6", ready=None))
    assert table(service("db", "None"), pods) == {
        f"db.default.{S}": [
            "A 10.244.0.5",
            "A 10.244.0.6",
            f"SRV 0 50 8080 db-0.db.default.{S}",
            f"SRV 0 50 8080 10-244-0-6.db.default.{S}",
        ],
        f"_http._tcp.db.default.{S}": [
            f"SRV 0 50 8080 db-0.db.default.{S}",
            f"SRV 0 50 8080 10-244-0-6.db.default.{S}",
        ],
        f"db-0.db.default.{S}": ["A 10.244.0.5"],
        f"10-244-0-6.db.default.{S}": ["A 10.244.0.6"],
        "5.0.244.10.in-addr.arpa": [f"PTR db-0.db.default.{S}"],
        "6.0.244.10.in-addr.arpa": [f"PTR 10-244-0-6.db.default.{S}"],
    }


def test_endpoints_that_are_not_ready_have_no_names() -> None:
    assert table(service("db", "None"), endpoint_slice("db", endpoint("10.244.0.5", ready=False))) == {}


def test_an_endpoint_in_two_slices_counts_once() -> None:
    slices = [endpoint_slice("db", endpoint("10.244.0.5"), name=name) for name in ("old", "new")]
    assert len(table(service("db", "None"), *slices)[f"db.default.{S}"]) == 2  # one address, one SRV


def test_a_headless_service_without_ports_has_addresses() -> None:
    found = table(service("db", "None", ports=[]), endpoint_slice("db", endpoint("10.244.0.5"), ports=[]))
    assert found[f"db.default.{S}"] == ["A 10.244.0.5"]


@pytest.mark.parametrize(
    ("external", "records"),
    [("Example.COM.", ["CNAME example.com"]), ("192.0.2.1", None), ("", None)],
)
def test_an_external_name_is_an_alias(external: str, records: list[str] | None) -> None:
    found = table(service("out", "", type="ExternalName", externalName=external))
    assert found.get(f"out.default.{S}") == records


@pytest.mark.parametrize(
    ("label", "address"), [("10-244-0-5", "10.244.0.5"), ("10-244-0-256", None), ("web", None), ("1-2-3", None)]
)
def test_pod_names_hold_their_address(label: str, address: str | None) -> None:
    assert pod_address(label) == address


def zone_of(*objects: Object) -> Zone:
    zone = Zone(DOMAIN, ("10.96.0.0/12", "10.244.0.0/16"))
    zone.set("domain", domain_records(DOMAIN, "10.96.0.10"))
    zone.set("default", namespace_records(namespace("default"), DOMAIN))
    for obj in objects:
        zone.set(obj["metadata"]["name"], service_records(obj, [], DOMAIN))
    return zone


def ask(zone: Zone, name: str, type: str = "A") -> list[str] | str:
    answer = zone.lookup(name, type)
    if not answer.exists:
        return "NXDOMAIN"
    return [show(record) for record in answer.records] or "NODATA"


@pytest.mark.parametrize(
    ("name", "type", "answer"),
    [
        (f"web.default.{S}", "A", ["A 10.96.0.5"]),
        (f"web.default.{S}", "AAAA", "NODATA"),
        (f"web.default.{S}", "TXT", "NODATA"),
        (f"nothing.default.{S}", "A", "NXDOMAIN"),
        (f"web.nowhere.{S}", "A", "NXDOMAIN"),
        (f"below.web.default.{S}", "A", "NXDOMAIN"),
        (f"_tcp.web.default.{S}", "SRV", "NODATA"),
        (f"default.{S}", "A", "NODATA"),
        (S, "A", "NODATA"),
        (DOMAIN, "A", "NODATA"),
        (DOMAIN, "NS", ["NS ns.dns.cluster.local"]),
        ("ns.dns.cluster.local", "A", ["A 10.96.0.10"]),
        ("dns-version.cluster.local", "TXT", ["TXT 1.1.0"]),
        ("10-244-0-5.default.pod.cluster.local", "A", ["A 10.244.0.5"]),
        ("10-244-0-5.default.pod.cluster.local", "AAAA", "NODATA"),
        ("10-244-0-5.nowhere.pod.cluster.local", "A", "NXDOMAIN"),
        ("web.default.pod.cluster.local", "A", "NXDOMAIN"),
        ("5.0.96.10.in-addr.arpa", "PTR", [f"PTR web.default.{S}"]),
        ("6.0.96.10.in-addr.arpa", "PTR", "NXDOMAIN"),
    ],
)
def test_the_zone_answers(name: str, type: str, answer: list[str] | str) -> None:
    assert ask(zone_of(service("web")), name, type) == answer


def test_srv_records_come_with_addresses() -> None:
    found = zone_of(service("web")).lookup(f"_http._tcp.web.default.{S}", "SRV")
    assert found.additional == ((f"web.default.{S}", Record("A", "10.96.0.5")),)


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("a.b.cluster.local", "cluster.local"),
        ("cluster.local", "cluster.local"),
        ("notcluster.local", None),
        ("example.com", None),
        ("1.0.96.10.in-addr.arpa", "1.0.96.10.in-addr.arpa"),
        ("1.2.0.192.in-addr.arpa", None),
        ("x.in-addr.arpa", None),
    ],
)
def test_what_is_ours(name: str, origin: str | None) -> None:
    assert zone_of().origin(name) == origin


NAMES = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(".".join)
RECORDS = st.dictionaries(NAMES, st.just((Record("A", "192.0.2.1"),)), max_size=4)


def all_names(changes: Iterable[dict[str, object]]) -> set[str]:
    exact = {name for change in changes for name in change}
    return exact | {".".join(n.split(".")[i:]) for n in exact for i in range(len(n.split(".")))}


@given(st.lists(st.tuples(st.sampled_from("xyz"), RECORDS), max_size=8))
def test_changes_name_every_name_that_is_answered_differently(
    changes: list[tuple[str, dict[str, tuple[Record, ...]]]],
) -> None:
    """What `set` doesn't name may stay in the cache; and the zone's state never depends on how it came about."""
    names = all_names([records for _, records in changes])
    zone, owned = Zone("c"), {}
    for owner, records in changes:
        before: dict[str, Answer] = {name: zone.lookup(name, "A") for name in names}
        told = zone.set(owner, records)
        owned[owner] = records
        different = {name for name in names if zone.lookup(name, "A") != before[name]}
        assert different <= told
    fresh = Zone("c")
    for owner, records in owned.items():
        fresh.set(owner, records)
    for name in names:
        assert fresh.lookup(name, "A") == zone.lookup(name, "A")
