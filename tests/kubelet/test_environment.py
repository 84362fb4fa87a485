"""Variables: expansion, references, Service variables, the downward API."""

import base64

import pytest

from sampan.kubelet import service_env
from sampan.kubelet.downward import FieldUnavailable, field_value, resource_value
from sampan.kubelet.expansion import expand
from sampan.kubelet.pod_env import ConfigError, EnvContext, Source, environment, wanted
from sampan.machinery.meta import Object
from tests.kubelet.pods import pod, spec_of


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$(A)", "1"),
        ("a$(A)b$(B)", "a1b2"),
        ("$(NONE)", "$(NONE)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A $( $", "$A $( $"),
        ("$(A", "$(A"),
    ],
)
def test_expansion(text: str, result: str) -> None:
    assert expand(text, {"A": "1"}, {"A": "later", "B": "2"}) == result


def service(called: str, namespace: str = "default", ip: str = "10.96.0.7", **port: object) -> Object:
    return {
        "metadata": {"name": called, "namespace": namespace},
        "spec": {"clusterIP": ip, "ports": [{"port": 80, **port}]},
    }


def test_service_variables_have_both_forms() -> None:
    assert service_env.variables([service("my-web", name="http")]) == {
        "MY_WEB_SERVICE_HOST": "10.96.0.7",
        "MY_WEB_SERVICE_PORT": "80",
        "MY_WEB_SERVICE_PORT_HTTP": "80",
        "MY_WEB_PORT": "tcp://10.96.0.7:80",
        "MY_WEB_PORT_80_TCP": "tcp://10.96.0.7:80",
        "MY_WEB_PORT_80_TCP_PROTO": "tcp",
        "MY_WEB_PORT_80_TCP_PORT": "80",
        "MY_WEB_PORT_80_TCP_ADDR": "10.96.0.7",
    }


def test_a_pod_sees_its_namespace_and_the_api() -> None:
    services = [service("kubernetes"), service("web"), service("far", "other"), service("headless", ip="None")]
    seen = {s["metadata"]["name"] for s in service_env.visible(services, "default", links=True)}
    assert seen == {"kubernetes", "web"}
    assert [s["metadata"]["name"] for s in service_env.visible(services, "other", links=False)] == ["kubernetes"]


CONFIG = {"kind": "ConfigMap", "data": {"k": "v", "A": "from"}}
SECRET = {"kind": "Secret", "data": {"p": base64.b64encode(b"hush").decode()}}
SOURCES = {Source("configmap", "c"): CONFIG, Source("secret", "s"): SECRET, Source("configmap", "none"): None}


def variables(**fields: object) -> dict[str, str]:
    return environment(spec_of("main", **fields), EnvContext(pod(), SOURCES, {"SVC": "1"}))


def test_env_overrides_what_env_from_gave() -> None:
    found = variables(envFrom=[{"configMapRef": {"name": "c"}}], env=[{"name": "A", "value": "$(A)-own $(SVC)"}])
    assert found == {"SVC": "1", "k": "v", "A": "from-own 1"}


def test_a_prefix_is_put_before_each_name() -> None:
    assert variables(envFrom=[{"secretRef": {"name": "s"}, "prefix": "X_"}])["X_p"] == "hush"


def key_ref(kind: str, name: str, key: str, **more: object) -> list[Object]:
    return [{"name": "V", "valueFrom": {kind: {"name": name, "key": key, **more}}}]


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (key_ref("configMapKeyRef", "none", "k"), 'configmap "none" not found'),
        (key_ref("configMapKeyRef", "c", "x"), "couldn't find key x in ConfigMap default/c"),
        (key_ref("secretKeyRef", "s", "x"), "couldn't find key x in Secret default/s"),
    ],
)
def test_missing_sources_are_named(env: list[Object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        variables(env=env)
    assert str(error.value) == message


def test_optional_sources_may_be_missing() -> None:
    assert variables(env=key_ref("configMapKeyRef", "none", "k", optional=True)) == {"SVC": "1"}
    assert variables(envFrom=[{"configMapRef": {"name": "none", "optional": True}}]) == {"SVC": "1"}


def test_wanted_sources() -> None:
    spec = spec_of("main", envFrom=[{"configMapRef": {"name": "c"}}], env=key_ref("secretKeyRef", "s", "p"))
    assert wanted(spec) == {Source("configmap", "c"), Source("secret", "s")}


def test_fields_of_the_downward_api() -> None:
    what = pod(status={"podIP": "10.1.0.5", "hostIPs": [{"ip": "1.1.1.1"}, {"ip": "::1"}]})
    what["metadata"] |= {"labels": {"b": 'q"', "a": "1"}}
    assert field_value(what, "metadata.name") == "web"
    assert field_value(what, "metadata.labels['a']") == "1"
    assert field_value(what, "metadata.labels") == 'a="1"\nb="q\\""'
    assert field_value(what, "status.podIP") == "10.1.0.5"
    assert field_value(what, "status.hostIPs") == "1.1.1.1,::1"
    with pytest.raises(FieldUnavailable):
        field_value(what, "spec.containers")


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ({"resource": "limits.cpu"}, "1"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "250"),
        ({"resource": "requests.memory", "divisor": "1Mi"}, "32"),
        ({"resource": "limits.memory"}, "1073741824"),  # of the node: the container has no such limit
        ({"resource": "requests.cpu"}, "0"),
    ],
)
def test_resources_of_the_downward_api(reference: Object, value: str) -> None:
    resources = {"limits": {"cpu": "250m"}, "requests": {"memory": "32Mi"}}
    what = pod(spec_of("main", resources=resources))
    assert resource_value(what, reference, "main", {"memory": "1Gi", "cpu": "2"}) == value
