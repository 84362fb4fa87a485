"""Ingress in its three versions, and IngressClass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kinds.write import cells, create_errors, created, decoded, encoded, update_errors

V1, OLD = "networking.k8s.io/v1", ("networking.k8s.io/v1beta1", "extensions/v1beta1")


def ingress(version=V1, **spec):
    return {"apiVersion": version, "kind": "Ingress", "metadata": {"name": "kubia"}, "spec": spec}


def new_path(path="/", path_type="Prefix", **port):
    return {
        "path": path,
        "pathType": path_type,
        "backend": {"service": {"name": "kubia", "port": port or {"number": 80}}},
    }


def old_rules(port=80, name="kubia-nodeport"):
    backend = {"serviceName": name, "servicePort": port}
    return [{"host": "kubia.example.com", "http": {"paths": [{"path": "/", "backend": backend}]}}]


@pytest.mark.parametrize("version", OLD)
def test_old_versions_are_stored_as_v1(version):
    manifest = ingress(version, rules=old_rules(), backend={"serviceName": "other", "servicePort": "http"})
    stored = created(manifest)
    assert stored["apiVersion"] == V1
    assert stored["spec"] == {
        "rules": [
            {
                "host": "kubia.example.com",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "ImplementationSpecific",
                            "backend": {"service": {"name": "kubia-nodeport", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ],
        "defaultBackend": {"service": {"name": "other", "port": {"name": "http"}}},
    }
    assert create_errors(manifest) == []


@given(port=st.integers(1, 65535) | st.sampled_from(["http", "web"]), default=st.booleans(), rules=st.booleans())
def test_round_trip(port, default, rules):
    spec = {}
    if default:
        spec["backend"] = {"serviceName": "d", "servicePort": port}
    if rules:
        spec["rules"] = old_rules(port)
    back = encoded(OLD[0], decoded(ingress(OLD[0], **spec)))["spec"]
    if rules:
        assert back["rules"][0]["http"]["paths"][0].pop("pathType") == "ImplementationSpecific"
    assert back == spec


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({}, ["spec: Invalid value: []: either `defaultBackend` or `rules` must be specified"]),
        (
            {"rules": [{"host": "1.2.3.4", "http": {"paths": [new_path()]}}]},
            ['spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address'],
        ),
        ({"rules": [{"http": {"paths": []}}]}, ["spec.rules[0].http.paths: Required value"]),
        (
            {"rules": [{"http": {"paths": [new_path("foo")]}}]},
            ['spec.rules[0].http.paths[0].path: Invalid value: "foo": must be an absolute path'],
        ),
        (
            {"rules": [{"http": {"paths": [new_path(path_type=None)]}}]},
            ["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"],
        ),
        (
            {"rules": [{"http": {"paths": [new_path(path_type="Regex")]}}]},
            [
                'spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: '
                '"Exact", "ImplementationSpecific", "Prefix"'
            ],
        ),
        (
            {"defaultBackend": {"service": {"name": "s", "port": {}}}},
            ["spec.defaultBackend: Required value: port name or number is required"],
        ),
        ({"defaultBackend": {}}, ['spec.defaultBackend: Invalid value: "": resource or service backend is required']),
    ],
)
def test_refused(spec, errors):
    assert create_errors(ingress(**spec)) == errors


def test_wildcards():
    rule = {"http": {"paths": [new_path()]}}
    assert create_errors(ingress(rules=[{"host": "*.example.com", **rule}])) == []
    (error,) = create_errors(ingress(rules=[{"host": "a.*.com", **rule}]))
    assert error.startswith('spec.rules[0].host: Invalid value: "a.*.com": a wildcard DNS-1123 subdomain must start')


def test_columns():
    rules = [{"host": f"{letter}.example.com"} for letter in "abcd"]
    status = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}
    shown = cells(ingress(rules=rules, tls=[{}], ingressClassName="nginx") | {"status": status})
    assert shown[:4] == ["nginx", "a.example.com,b.example.com,c.example.com + 1 more...", "1.2.3.4", "80, 443"]
    assert cells(ingress(rules=[{}]) | {"status": {}})[:4] == ["<none>", "*", "", "80"]


def ingress_class(**spec):
    return {"apiVersion": V1, "kind": "IngressClass", "metadata": {"name": "c"}, "spec": spec}


def test_ingress_class():
    reference = {"apiGroup": "example.com", "kind": "Settings", "name": "s"}
    made = created(ingress_class(controller="example.com/nginx", parameters=reference))
    assert made["spec"]["parameters"]["scope"] == "Cluster"
    assert cells(made) == ["example.com/nginx", "Settings.example.com/s", "<unknown>"]
    assert create_errors(ingress_class(controller="nginx")) == [
        'spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")'
    ]
    assert update_errors(made, ingress_class(controller="example.com/other", parameters=reference)) == [
        'spec.controller: Invalid value: "example.com/other": field is immutable'
    ]
