"""NetworkPolicy, IPAddress, ServiceCIDR."""

import pytest

from tests.kinds.write import cells, create_errors, created, served, stored, update_errors

GROUP = "networking.k8s.io"


def policy(version=f"{GROUP}/v1", **spec):
    body = {"podSelector": {"matchLabels": {"app": "db"}}, **spec}
    return {"apiVersion": version, "kind": "NetworkPolicy", "metadata": {"name": "p"}, "spec": body}


def letting_in(**peer):
    return policy(ingress=[{"from": [peer]}])


@pytest.mark.parametrize("version", [f"{GROUP}/v1", "extensions/v1beta1"])
def test_policy_defaults(version):
    made = created(policy(version, ingress=[{"ports": [{"port": 80}]}]))
    assert made["spec"]["ingress"][0]["ports"] == [{"port": 80, "protocol": "TCP"}]
    assert made["spec"]["policyTypes"] == ["Ingress"]
    assert created(policy(version, egress=[{}]))["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert created(policy(version, policyTypes=["Egress"]))["spec"]["policyTypes"] == ["Egress"]
    assert cells(made)[0] == "app=db"
    assert cells(policy(podSelector={}))[0] == "<none>"


PORT, PEER = "spec.ingress[0].ports[0]", "spec.ingress[0].from[0]"
NOT_A_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


@pytest.mark.parametrize(
    ("port", "errors"),
    [
        ({"port": 80, "endPort": 90}, []),
        ({"port": "http"}, []),
        ({}, []),
        (
            {"port": 80, "protocol": "ICMP"},
            [f'{PORT}.protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"'],
        ),
        (
            {"port": 80, "endPort": 70},
            [f"{PORT}.endPort: Invalid value: 70: must be greater than or equal to `port`"],
        ),
        (
            {"port": "http", "endPort": 70},
            [f"{PORT}.endPort: Invalid value: 70: may not be specified when `port` is non-numeric"],
        ),
        (
            {"endPort": 70},
            [f"{PORT}.endPort: Invalid value: 70: may not be specified when `port` is not specified"],
        ),
        ({"port": 0}, [f"{PORT}.port: Invalid value: 0: must be between 1 and 65535, inclusive"]),
    ],
)
def test_ports(port, errors):
    assert create_errors(policy(ingress=[{"ports": [port]}])) == errors


@pytest.mark.parametrize(
    ("peer", "errors"),
    [
        ({"podSelector": {}, "namespaceSelector": {}}, []),
        ({}, [f"{PEER}: Required value: must specify a peer"]),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, []),
        ({"ipBlock": {"cidr": ""}}, [f"{PEER}.ipBlock.cidr: Required value"]),
        ({"ipBlock": {"cidr": "10.0.0.0"}}, [f'{PEER}.ipBlock.cidr: Invalid value: "10.0.0.0": {NOT_A_CIDR}']),
        (
            {"ipBlock": {"cidr": "010.0.0.0/8"}},
            [f'{PEER}.ipBlock.cidr: Invalid value: "010.0.0.0/8": must not have leading 0s in IP or prefix length'],
        ),
        (
            {"ipBlock": {"cidr": "10.0.0.1/8"}},
            [f'{PEER}.ipBlock.cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length'],
        ),
        (
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8", "2001:db8::/64"]}},
            [
                f'{PEER}.ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
                f'{PEER}.ipBlock.except[1]: Invalid value: "2001:db8::/64": must be a strict subset of `cidr`',
            ],
        ),
        (
            {"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}},
            [f"{PEER}: Forbidden: may not specify both ipBlock and another peer"],
        ),
    ],
)
def test_peers(peer, errors):
    assert create_errors(letting_in(**peer)) == errors


def test_ranges_that_were_there_may_stay():
    odd = {"ipBlock": {"cidr": "10.0.0.1/8"}}
    assert update_errors(stored(letting_in(**odd)), letting_in(**odd)) == []
    assert len(update_errors(stored(letting_in(**odd)), letting_in(ipBlock={"cidr": "10.0.0.2/8"}))) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("10.0.0.0/8", []),
        ("no", []),
        (
            "10.0.0.1/8",
            ['CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)'],
        ),
        ("010.0.0.0/8", ['non-standard CIDR value "010.0.0.0/8" is invalid: use "10.0.0.0/8"']),
        ("2001:DB8::/64", ['IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format ("2001:db8::/64")']),
    ],
)
def test_what_is_said_of_ranges(text, told):
    manifest = policy(egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": [text]}}]}])
    path = "spec.egress[0].to[0].ipBlock.except[0]"
    assert list(served(manifest).kind.warnings(manifest)) == [f"{path}: {warning}" for warning in told]


def test_policy_types():
    assert create_errors(policy(policyTypes=["Both"])) == [
        'spec.policyTypes[0]: Unsupported value: "Both": supported values: "Ingress", "Egress"'
    ]
    assert create_errors(policy(policyTypes=["Ingress"] * 3)) == [
        'spec.policyTypes: Invalid value: ["Ingress","Ingress","Ingress"]: may not specify more than two policyTypes'
    ]


def address(name="10.96.0.10", version="v1", parent=None):
    ref = {"resource": "services", "namespace": "default", "name": "kubia"} if parent is None else parent
    spec = {"parentRef": ref}
    return {"apiVersion": f"{GROUP}/{version}", "kind": "IPAddress", "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("manifest", "errors"),
    [
        (address(), []),
        (address("2001:db8::1", "v1beta1"), []),
        (
            address("2001:DB8::1"),
            ['metadata.name: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")'],
        ),
        (
            address("kubia"),
            ['metadata.name: Invalid value: "kubia": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
        ),
        (
            address("::ffff:10.0.0.1"),
            ['metadata.name: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address'],
        ),
        (
            address(parent={"group": "A_", "resource": "a/b"}),
            [
                'spec.parentRef.group: Invalid value: "A_": a lowercase RFC 1123 subdomain must consist of lower case '
                "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
                "'example.com', regex used for validation is "
                "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                "spec.parentRef.resource: Invalid value: \"a/b\": may not contain '/'",
                "spec.parentRef.name: Required value",
            ],
        ),
    ],
)
def test_addresses(manifest, errors):
    assert create_errors(manifest) == errors


def test_an_address_keeps_its_parent():
    other = {"resource": "services", "namespace": "default", "name": "other"}
    assert len(update_errors(stored(address()), address(parent=other))) == 1
    assert cells(address())[0] == "services/default/kubia"
    assert cells(address(parent={"group": "x.io", "resource": "Things", "name": "t"}))[0] == "things.x.io/t"


def service_cidr(*cidrs, version="v1"):
    meta, spec = {"name": "kubernetes"}, {"cidrs": list(cidrs)}
    return {"apiVersion": f"{GROUP}/{version}", "kind": "ServiceCIDR", "metadata": meta, "spec": spec}


CIDRS = "spec.cidrs"


@pytest.mark.parametrize(
    ("cidrs", "errors"),
    [
        (["10.96.0.0/16", "2001:db8::/112"], []),
        ([], [f"{CIDRS}: Required value: at least one CIDR required"]),
        (
            ["10.96.0.0/16", "10.97.0.0/16"],
            [
                f'{CIDRS}: Invalid value: ["10.96.0.0/16","10.97.0.0/16"]: may specify no more than one IP for each '
                "IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
            ],
        ),
        (
            ["2001:DB8::/64"],
            [f'{CIDRS}[0]: Invalid value: "2001:DB8::/64": must be in canonical form ("2001:db8::/64")'],
        ),
        (["10.96.0.0/33"], [f'{CIDRS}[0]: Invalid value: "10.96.0.0/33": {NOT_A_CIDR}']),
        (
            ["a", "b", "c"],
            [f'{CIDRS}: Invalid value: {{"cidrs":["a","b","c"]}}: may only hold up to 2 values'],
        ),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_service_cidrs(version, cidrs, errors):
    assert create_errors(service_cidr(*cidrs, version=version)) == errors


def test_a_service_cidr_may_only_get_the_other_family():
    old = stored(service_cidr("10.96.0.0/16"))
    assert update_errors(old, service_cidr("10.96.0.0/16", "2001:db8::/112")) == []
    assert update_errors(old, service_cidr("10.97.0.0/16")) == [
        f'{CIDRS}[0]: Invalid value: "10.97.0.0/16": field is immutable'
    ]
    both = stored(service_cidr("10.96.0.0/16", "2001:db8::/112"))
    assert update_errors(both, service_cidr("10.96.0.0/16")) == [
        f'{CIDRS}: Invalid value: ["10.96.0.0/16"]: field is immutable'
    ]
    assert cells(both)[0] == "10.96.0.0/16,2001:db8::/112"
    assert served(service_cidr()).kind.has_status
