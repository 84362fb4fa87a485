import pytest

from sampan.machinery.codec import DecodeError
from sampan.machinery.patches import undecodable, undecodable_strategic
from tests.machinery.sample import DEPLOYMENT_KIND, codec

DEPLOYMENTS = codec(DEPLOYMENT_KIND)


def decode_error(body):
    with pytest.raises(DecodeError) as caught:
        DEPLOYMENTS.decode(body)
    return caught.value


@pytest.mark.parametrize(
    ("patch", "cause"),
    [
        ({"spec": {"replicas": "x"}}, "unrecognized type: int32"),
        ({"spec": {"replicas": 1.5}}, "unrecognized type: int32"),
        ({"spec": {"template": [True, None]}}, "cannot restore struct from: slice"),
        ({"spec": {"template": {"spec": {"containers": {}}}}}, "cannot restore slice from map"),
        ({"metadata": {"labels": "x"}}, "cannot restore map from string"),
        ({"spec": {"foo": 1}}, 'strict decoding error: unknown field "spec.foo"'),
    ],
)
def test_strategic(patch, cause):
    error = undecodable_strategic(decode_error(patch), {"z": [True, None], "a": {"b": 1}})
    assert error.status_code == 422
    assert error.message == f' "" is invalid: patch: Invalid value: "map[a:map[b:1] z:[true <nil>]]": {cause}'


def test_merge():
    patched = {"spec": {"replicas": "x"}}
    error = undecodable(decode_error({"spec": {"replicas": "x"}}), patched)
    assert error.message == (
        r' "" is invalid: patch: Invalid value: "{\"spec\":{\"replicas\":\"x\"}}": '
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
    )
