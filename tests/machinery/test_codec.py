import copy

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.catalogue import Catalogue
from sampan.machinery.codec import DecodeError, StrictDecodeError
from sampan.machinery.errors import APIError
from sampan.machinery.kind import Conversion, Kind, ServedVersion
from tests.catalogue import CATALOGUE
from tests.machinery.sample import DEPLOYMENT_KIND, POD, POD_KIND, codec, container, kind, pod
from tests.machinery.strategies import objects, trees

PODS, DEPLOYMENTS = codec(POD_KIND), codec(DEPLOYMENT_KIND)
SECRETS = codec(kind("Secret", "secrets", "io.k8s.api.core.v1.Secret"))


def refused(body, of=PODS, validation="Strict"):
    with pytest.raises(DecodeError) as caught:
        of.decode(body, validation)
    return caught.value.message


CANNOT = 'Pod in version "v1" cannot be handled as a Pod: '


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"spec": []}, "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec"),
        (
            pod(container(command="sh")),
            "json: cannot unmarshal string into Go struct field Container.spec.containers.command of type []string",
        ),
        (
            pod(container(name=1)),
            "json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string",
        ),
        (
            {"spec": {"containers": {}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            {"spec": {"containers": ["x"]}},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container",
        ),
        (
            {"metadata": {"labels": {"a": 1}}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            pod(hostNetwork="yes"),
            "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool",
        ),
        (
            pod(restartPolicy=1),
            "json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
        ),
        (
            pod(priority=2**31),
            "json: cannot unmarshal number 2147483648 into Go struct field PodSpec.spec.priority of type int32",
        ),
        (
            pod(priority=True),
            "json: cannot unmarshal bool into Go struct field PodSpec.spec.priority of type int32",
        ),
        (
            pod(priority=1.5),
            "json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32",
        ),
        (
            pod(container(livenessProbe={"httpGet": {"port": []}})),
            "json: cannot unmarshal array into Go struct field "
            "HTTPGetAction.spec.containers.livenessProbe.httpGet.port of type int32",
        ),
        (
            pod(container(resources={"limits": {"cpu": "many"}})),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            {"metadata": {"creationTimestamp": "today"}},
            'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"',
        ),
        (
            {"metadata": {"creationTimestamp": "2024-13-01T00:00:00Z"}},
            'parsing time "2024-13-01T00:00:00Z": month out of range',
        ),
        (
            {"metadata": {"creationTimestamp": "2024-02-30T00:00:00Z"}},
            'parsing time "2024-02-30T00:00:00Z": day out of range',
        ),
    ],
)
def test_wrong_types(body, message):
    assert refused(body) == CANNOT + message


def test_base64():
    assert SECRETS.decode({"data": {"a": "YWI=\n"}})[0]["data"] == {"a": "YWI="}
    assert refused({"data": {"a": "YW!="}}, SECRETS).endswith("illegal base64 data at input byte 2")
    assert refused({"data": {"a": "YWI"}}, SECRETS).endswith("illegal base64 data at input byte 3")


def test_what_is_no_object_or_another_one():
    assert "cannot unmarshal array into Go value of type struct" in refused([])
    catalogue = Catalogue([POD_KIND, kind("Service", "services", "io.k8s.api.core.v1.Service")])
    pods = catalogue.codec(catalogue.by_kind["v1", "Pod"])
    assert refused({"kind": "Service", "apiVersion": "v1"}, pods) == (
        'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion'
    )
    assert refused({"kind": "pod", "apiVersion": "v1"}) == (
        'pod in version "v1" cannot be handled as a Pod: '
        'no kind "pod" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"'
    )
    assert 'no kind "Pod" is registered for version "apps/v1"' in refused(
        {"kind": "Pod", "apiVersion": "apps/v1"}, DEPLOYMENTS
    )
    assert refused({"kind": "Deployment", "apiVersion": "apps/v3"}, DEPLOYMENTS) == (
        'Deployment in version "v3" cannot be handled as a Deployment: '
        'no kind "Deployment" is registered for version "apps/v3" in scheme "pkg/api/legacyscheme/scheme.go:30"'
    )
    deployments = CATALOGUE.codec(CATALOGUE.by_kind["apps/v1", "Deployment"])
    assert refused({"kind": "Deployment", "apiVersion": "apps/v1beta1"}, deployments) == (
        "the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)"
    )


def test_unknown_fields_by_field_validation():
    def body():
        return pod(container(imag="x", ports=[{"containerPort": 1, "x": 1}]), foo={"bar": 1})

    with pytest.raises(StrictDecodeError) as caught:
        PODS.decode(body(), "Strict", ["spec.containers"])
    assert caught.value.message == (
        CANNOT + 'strict decoding error: unknown field "spec.containers[0].imag", '
        'unknown field "spec.containers[0].ports[0].x", unknown field "spec.foo", duplicate field "spec.containers"'
    )
    assert caught.value.cause.startswith("strict decoding error: ") and len(caught.value.problems) == 4
    obj, warnings = PODS.check(body(), "Warn")
    assert warnings == [
        'unknown field "spec.containers[0].imag"',
        'unknown field "spec.containers[0].ports[0].x"',
        'unknown field "spec.foo"',
    ]
    quiet, none = PODS.check(body(), "Ignore", ["spec.containers"])
    assert none == [] and quiet == obj
    assert "foo" not in obj["spec"] and obj["spec"]["containers"][0]["ports"] == [{"containerPort": 1}]


def test_canonical_forms():
    limits = {"cpu": "1000m", "memory": 1024, "pods": 0.5, "x/y": None}
    obj, _ = PODS.decode(pod(container(resources={"limits": limits})))
    assert obj["spec"]["containers"][0]["resources"]["limits"] == {
        "cpu": "1",
        "memory": "1024",
        "pods": "500m",
        "x/y": "0",
    }
    obj, _ = PODS.decode({"metadata": {"creationTimestamp": "2024-01-01T02:00:00.5+02:00"}})
    assert obj["metadata"]["creationTimestamp"] == "2024-01-01T00:00:00Z"


def test_empty_values_are_kept_where_go_keeps_them():
    obj, _ = PODS.check(
        pod(
            container(command=[], args=None, stdin=False, workingDir="", env=[{"name": "A", "value": ""}, None]),
            hostNetwork=False,
            automountServiceAccountToken=False,
            nodeSelector={},
            priority=0,
            terminationGracePeriodSeconds=0,
            securityContext={},
            nodeName=None,
        )
    )
    spec = obj["spec"]
    assert spec["automountServiceAccountToken"] is False and spec["priority"] == 0
    assert spec["terminationGracePeriodSeconds"] == 0 and spec["securityContext"] == {}
    assert not {"hostNetwork", "nodeSelector", "nodeName"} & spec.keys()
    (found,) = spec["containers"]
    assert not {"command", "args", "stdin", "workingDir"} & found.keys()
    assert found["env"] == [{"name": "A"}, {}]


def test_what_go_always_writes():
    obj, _ = PODS.decode(pod())
    assert obj["spec"]["containers"][0]["resources"] == {} and obj["status"] == {}
    deployment, _ = DEPLOYMENTS.decode({"spec": {"template": {"spec": {}}}})
    assert isinstance(deployment["spec"]["strategy"], dict) and deployment["spec"]["template"]["metadata"] == {}
    divisor = {"resourceFieldRef": {"resource": "limits.cpu"}}
    obj, _ = PODS.decode(pod(container(env=[{"name": "A", "valueFrom": divisor}])))
    assert obj["spec"]["containers"][0]["env"][0]["valueFrom"]["resourceFieldRef"]["divisor"] == "0"


def test_identity_comes_from_the_path():
    obj, _ = PODS.decode({"spec": None})
    assert (obj["kind"], obj["apiVersion"], obj["metadata"]) == ("Pod", "v1", {})


def to_storage(obj):
    obj["spec"]["hostname"] = obj["spec"].pop("nodeName")
    return obj


def from_storage(obj):
    obj["spec"]["nodeName"] = obj["spec"].pop("hostname")
    return obj


OLD = ServedVersion("old.io", "v1beta1", POD, convert=Conversion(to_storage, from_storage))
CONVERTED = Kind(name="Pod", plural="pods", versions=(POD_KIND.storage, OLD))


def test_conversion_both_ways():
    old = codec(CONVERTED, OLD)
    stored, _ = old.decode({**pod(nodeName="n1"), "apiVersion": "old.io/v1beta1", "kind": "Pod"})
    assert stored["apiVersion"] == "v1" and stored["spec"]["hostname"] == "n1"
    before = copy.deepcopy(stored)
    served = old.encode(stored)
    assert served["apiVersion"] == "old.io/v1beta1" and served["spec"]["nodeName"] == "n1"
    assert stored == before
    assert codec(CONVERTED).encode(stored) == stored


@settings(max_examples=300)
@given(objects | trees)
def test_decoding_anything_raises_nothing_but_api_errors(tree):
    for of in (PODS, DEPLOYMENTS):
        try:
            obj, _ = of.decode(copy.deepcopy(tree), "Ignore")
        except APIError as error:
            assert error.status_code == 400
            continue
        again, warnings = of.decode(orjson.loads(orjson.dumps(obj)), "Strict")
        assert again == obj and warnings == []


PLACES = st.sampled_from(
    (
        ("spec",),
        ("metadata",),
        ("metadata", "labels"),
        ("spec", "containers"),
        ("spec", "volumes"),
        ("spec", "containers", 0),
    )
)


@settings(max_examples=300)
@given(PLACES, trees, st.text(max_size=4))
def test_decoding_a_mutated_pod(place, value, extra):
    body = pod(container(ports=[{"containerPort": 80}]), volumes=[{"name": "v", "emptyDir": {}}])
    node = body
    for step in place[:-1]:
        node = node.setdefault(step, {}) if isinstance(step, str) else node[step]
    node[place[-1]] = value
    body[extra] = value
    try:
        PODS.decode(body, "Warn")
    except APIError as error:
        assert error.status_code == 400
