"""Services: defaults by type, what survives an update, what is refused."""

import pytest

from tests.kinds.write import cells, create_errors, created, update_errors, updated

PORT = {"port": 80, "targetPort": 8080, "protocol": "TCP"}


def service(**spec):
    body = {"ports": [{"port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubia"}, "spec": body}


def allocated(manifest, ip="10.96.0.7", **spec):
    made = created(manifest)
    made["spec"] |= {"clusterIP": ip, "clusterIPs": [ip], **spec}
    made["metadata"]["resourceVersion"] = "1"
    return made


def test_defaults_of_a_cluster_ip_service():
    assert created(service())["spec"] == {
        "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}],
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
    }
    assert created(service())["status"] == {"loadBalancer": {}}


def test_defaults_of_a_load_balancer():
    spec = created(service(type="LoadBalancer", sessionAffinity="ClientIP"))["spec"]
    assert spec["externalTrafficPolicy"] == spec["internalTrafficPolicy"] == "Cluster"
    assert spec["allocateLoadBalancerNodePorts"] is True
    assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_an_external_name_has_no_policies():
    spec = created(service(type="ExternalName", externalName="api.example.com", ports=None))["spec"]
    assert spec == {"type": "ExternalName", "externalName": "api.example.com", "sessionAffinity": "None"}


def test_what_was_allocated_survives_a_replace():
    manifest = service(type="NodePort", ports=[{"port": 80}, {"port": 443, "name": "s"}])
    old = allocated(manifest)
    for index, port in enumerate(old["spec"]["ports"]):
        port["nodePort"] = 30001 + index
    new = updated(old, service(type="NodePort", ports=[{"port": 443}, {"port": 81}]))["spec"]
    assert (new["clusterIP"], new["clusterIPs"]) == ("10.96.0.7", ["10.96.0.7"])
    assert [port.get("nodePort") for port in new["ports"]] == [30002, None]


def test_a_new_type_drops_what_it_cannot_have():
    old = allocated(service(type="NodePort"))
    old["spec"]["ports"][0]["nodePort"] = 30001
    as_cluster_ip = {**old, "spec": {**old["spec"], "type": "ClusterIP"}}
    new = updated(old, as_cluster_ip)["spec"]
    assert "nodePort" not in new["ports"][0]
    assert "externalTrafficPolicy" not in new
    assert update_errors(old, as_cluster_ip) == []
    external = {**old, "spec": {**old["spec"], "type": "ExternalName", "externalName": "a.b"}}
    assert not updated(old, external)["spec"].keys() & {"clusterIP", "clusterIPs", "internalTrafficPolicy"}
    assert update_errors(old, external) == []


def test_the_address_is_for_life():
    old = allocated(service())
    moved = service(clusterIP="10.96.0.8")
    assert update_errors(old, moved) == [
        'spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set',
    ]


def test_old_clients_change_only_cluster_ip():
    made = created(service(clusterIP="None", selector={"a": "b"}))
    assert made["spec"]["clusterIPs"] == ["None"]
    assert create_errors(service(clusterIP="None", ports=None)) == []


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"ports": []}, ["spec.ports: Required value"]),
        (
            {"ports": [{"port": 80}, {"port": 81, "name": "b"}]},
            ["spec.ports[0].name: Required value"],
        ),
        (
            {"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]},
            [
                'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,'
                '"TargetPort":0,"NodePort":0}'
            ],
        ),
        (
            {"ports": [{"port": 0}]},
            [
                "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            {"ports": [{"port": 80, "nodePort": 30000}]},
            ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
        ),
        (
            {"type": "Best"},
            [
                'spec.type: Unsupported value: "Best": supported values: '
                '"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'
            ],
        ),
        ({"type": "ExternalName"}, ["spec.externalName: Required value"]),
        (
            {"type": "NodePort", "clusterIP": "None"},
            ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
        ),
        (
            {"clusterIP": "10.96.0.300"},
            [
                'spec.clusterIPs[0]: Invalid value: "10.96.0.300": '
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            ],
        ),
        (
            {"type": "LoadBalancer", "ports": [{"port": 10250}]},
            ["spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet"],
        ),
        (
            {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86401}}},
            [
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: "
                "must be greater than 0 and less than 86400"
            ],
        ),
        (
            {"externalTrafficPolicy": "Local"},
            ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
        ),
        (
            {"externalIPs": ["127.0.0.1"]},
            [
                'spec.externalIPs[0]: Invalid value: "127.0.0.1": '
                "may not be in the loopback range (127.0.0.0/8, ::1/128)"
            ],
        ),
        (
            {"loadBalancerSourceRanges": ["10.0.0.0/8"]},
            ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"],
        ),
    ],
)
def test_refused(spec, errors):
    assert create_errors(service(**spec)) == errors


@pytest.mark.parametrize(
    ("spec", "status", "printed"),
    [
        ({"clusterIPs": ["10.96.0.1"]}, {}, ["ClusterIP", "10.96.0.1", "<none>", "80/TCP"]),
        ({"clusterIPs": ["None"], "ports": None}, {}, ["ClusterIP", "None", "<none>", "<none>"]),
        ({"type": "LoadBalancer"}, {}, ["LoadBalancer", "<none>", "<pending>", "80/TCP"]),
        (
            {"type": "LoadBalancer", "ports": [{**PORT, "nodePort": 30123}], "externalIPs": ["5.6.7.8"]},
            {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "lb.example.com"}]}},
            ["LoadBalancer", "<none>", "1.2.3.4,lb.example.com,5.6.7.8", "80:30123/TCP"],
        ),
        (
            {"type": "ExternalName", "externalName": "a.example.com", "ports": None},
            {},
            ["ExternalName", "<none>", "a.example.com", "<none>"],
        ),
    ],
)
def test_columns(spec, status, printed):
    manifest = service(**{"type": "ClusterIP", **spec}) | {"status": status}
    assert cells(manifest)[:-1] == printed
    assert (
        cells({**manifest, "spec": {**manifest["spec"], "selector": {"b": "2", "a": "1"}}}, wide=True)[-1] == "a=1,b=2"
    )
