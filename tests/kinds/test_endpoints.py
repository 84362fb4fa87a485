"""Endpoints and EndpointSlices: addresses, columns, and where v1beta1 kept zones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kinds.write import cells, create_errors, created, decoded, encoded, updated


def endpoints(*subsets):
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "e"}, "subsets": list(subsets)}


def subset(*ips, ports=(8080,)):
    return {"addresses": [{"ip": ip} for ip in ips], "ports": [{"port": port} for port in ports]}


def endpoint_slice(*endpoints, version="v1", **fields):
    return {
        "apiVersion": f"discovery.k8s.io/{version}",
        "kind": "EndpointSlice",
        "metadata": {"name": "e"},
        "addressType": "IPv4",
        "endpoints": list(endpoints),
        **fields,
    }


@pytest.mark.parametrize(
    ("ip", "why"),
    [
        ("x", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
        ("0.0.0.0", "may not be unspecified (0.0.0.0)"),
        ("127.0.0.1", "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        ("169.254.0.1", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        ("224.0.0.1", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    ],
)
def test_addresses(ip, why):
    assert create_errors(endpoints(subset(ip))) == [f'subsets[0].addresses[0].ip: Invalid value: "{ip}": {why}']
    if ip != "x":
        assert create_errors(endpoint_slice({"addresses": [ip]})) == [
            f'endpoints[0].addresses[0]: Invalid value: "{ip}": {why}'
        ]


def test_endpoints_rules():
    assert create_errors(endpoints({"ports": [{"port": 1}, {"port": 2, "name": "b"}]})) == [
        "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
        "subsets[0].ports[0].name: Required value",
    ]
    made = created(endpoints(subset("10.0.0.1")))
    assert made["subsets"][0]["ports"] == [{"port": 8080, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("subsets", "printed"),
    [
        ([], "<none>"),
        ([subset("10.0.0.1", "10.0.0.2")], "10.0.0.1:8080,10.0.0.2:8080"),
        ([subset("10.0.0.1", "10.0.0.2", ports=(80, 443))], "10.0.0.1:80,10.0.0.2:80,10.0.0.1:443 + 1 more..."),
        ([subset("10.0.0.1", ports=())], "10.0.0.1"),
        ([subset("fd00::1")], "[fd00::1]:8080"),
        ([{"notReadyAddresses": [{"ip": "10.0.0.1"}]}], ""),
    ],
)
def test_endpoints_column(subsets, printed):
    assert cells(endpoints(*subsets))[0] == printed


def test_slice_rules():
    bad = endpoint_slice({"addresses": []}, {"addresses": ["fd00::1"]}, ports=[{"port": 1}, {"port": 2}, {"name": "B"}])
    errors = create_errors(bad)
    assert errors[:2] == [
        "endpoints[0].addresses: Required value: must contain at least 1 address",
        'endpoints[1].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address',
    ]
    assert errors[2].startswith('ports[2].name: Invalid value: "B": a lowercase RFC 1123 label')
    assert create_errors(endpoint_slice(addressType="IPv5")) == [
        'addressType: Unsupported value: "IPv5": supported values: "FQDN", "IPv4", "IPv6"'
    ]


def test_slice_columns_and_defaults():
    many = endpoint_slice({"addresses": ["10.0.0.1"]}, *({"addresses": [f"10.0.0.{i}"]} for i in range(2, 6)))
    assert cells(many)[:3] == ["IPv4", "<unset>", "10.0.0.1,10.0.0.2,10.0.0.3 + 2 more..."]
    assert created({**many, "ports": [{"port": 80}]})["ports"] == [{"port": 80, "name": "", "protocol": "TCP"}]


def test_changed_labels_are_a_new_generation():
    old = created(endpoint_slice({"addresses": ["10.0.0.1"]}))
    old["metadata"]["generation"] = 1
    same = endpoint_slice({"addresses": ["10.0.0.1"]})
    same["metadata"]["generation"] = 1
    assert updated(old, same)["metadata"]["generation"] == 1
    same["metadata"]["labels"] = {"a": "b"}
    assert updated(old, same)["metadata"]["generation"] == 2


KEYS = st.sampled_from(["topology.kubernetes.io/zone", "kubernetes.io/hostname", "example.com/rack"])


@given(topology=st.dictionaries(KEYS, st.sampled_from(["a", "b"])), node=st.sampled_from([None, "a"]))
def test_topology_round_trip(topology, node):
    endpoint = {"addresses": ["10.0.0.1"], "topology": topology}
    if node:
        endpoint["nodeName"] = node
        topology.setdefault("kubernetes.io/hostname", node)
        topology["kubernetes.io/hostname"] = node
    stored = decoded(endpoint_slice(endpoint, version="v1beta1"))
    assert stored["endpoints"][0].get("zone") == topology.get("topology.kubernetes.io/zone")
    assert "topology" not in stored["endpoints"][0]
    back = encoded("discovery.k8s.io/v1beta1", stored)["endpoints"][0]
    assert back.get("topology", {}) == topology


def test_hints():
    def errors(**hints):
        return create_errors(endpoint_slice({"addresses": ["10.0.0.1"], "hints": hints}))

    assert errors(forZones=[{"name": "a"}], forNodes=[{"name": "n.example.com"}]) == []
    assert errors(forZones=[{"name": str(n)} for n in range(9)])[0].startswith("endpoints[0].hints.forZones: Too many")
    twice = errors(forNodes=[{"name": "n"}, {"name": "n"}])
    assert twice == ['endpoints[0].hints.forNodes[1].name: Duplicate value: "n"']
    assert errors(forZones=[{"name": "a/b"}])[0].startswith("endpoints[0].hints.forZones[0].name: Invalid value")
