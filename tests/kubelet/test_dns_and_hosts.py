"""resolv.conf and /etc/hosts of a pod."""

from pathlib import Path

import pytest

from sampan.kubelet.dns import Resolver, parse_resolv_conf, read_resolv_conf, resolver_for
from sampan.kubelet.hosts_file import node_hosts, pod_hosts
from sampan.machinery.meta import Object
from tests.kubelet.pods import pod

HOST = Resolver(["192.0.2.53"], ["corp.example"], ["timeout:1"])
CLUSTER = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"]


def resolver(**spec: object) -> Resolver:
    return resolver_for(pod(**spec), HOST, ("10.96.0.10",), "cluster.local")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, Resolver(["10.96.0.10"], CLUSTER, ["ndots:5"])),
        ({"dnsPolicy": "Default"}, HOST),
        ({"hostNetwork": True}, HOST),
        (
            {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"},
            Resolver(["10.96.0.10"], CLUSTER, ["ndots:5"]),
        ),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["a.b"], "options": [{"name": "edns0"}]},
            },
            Resolver(["1.1.1.1"], ["a.b"], ["edns0"]),
        ),
        (
            {"dnsConfig": {"searches": ["cluster.local", "x.y"], "options": [{"name": "ndots", "value": "2"}]}},
            Resolver(["10.96.0.10"], [*CLUSTER, "x.y"], ["ndots:2"]),
        ),
    ],
)
def test_policies(spec: Object, expected: Resolver) -> None:
    assert resolver(**spec) == expected


def test_no_more_servers_than_the_resolver_reads() -> None:
    config = {"nameservers": ["1.1.1.1", "2.2.2.2", "3.3.3.3"]}
    assert resolver(dnsConfig=config).servers == ["10.96.0.10", "1.1.1.1", "2.2.2.2"]


def test_reading_a_resolv_conf() -> None:
    text = "# comment\nnameserver 192.0.2.53 # here\nsearch old\nsearch corp.example. b\noptions ndots:2 rotate\nbad\n"
    assert parse_resolv_conf(text) == Resolver(["192.0.2.53"], ["corp.example", "b"], ["ndots:2", "rotate"])


def test_hosts_of_a_pod() -> None:
    aliases = [{"ip": "1.2.3.4", "hostnames": ["foo", "bar"]}]
    text = pod_hosts(pod(hostname="h", subdomain="sub", hostAliases=aliases), ["10.1.0.5"], "cluster.local")
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert "\n10.1.0.5\th.sub.default.svc.cluster.local\th\n" in text
    assert text.endswith("\n\n# Entries added by HostAliases.\n1.2.3.4\tfoo\tbar\n")


def test_hosts_on_the_hosts_network() -> None:
    assert node_hosts(pod(), "127.0.0.1 me\n") == "# Kubernetes-managed hosts file (host network).\n127.0.0.1 me\n"


def test_a_node_without_resolv_conf(tmp_path: Path) -> None:
    assert read_resolv_conf(tmp_path / "none") == Resolver()
    (tmp_path / "there").write_bytes(b"nameserver 192.0.2.53\n# \xff\n")
    assert read_resolv_conf(tmp_path / "there") == Resolver(["192.0.2.53"])
