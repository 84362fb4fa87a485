"""Protobuf bodies, as clients of Go send them, to JSON trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.machinery import protobuf
from sampan.machinery.errors import BadRequest

# What `kubectl create deployment web --image=nginx` (1.33) sends.
DEPLOYMENT = bytes.fromhex(
    "6b3873000a150a07617070732f7631120a4465706c6f796d656e7412ab010a1f0a0377656212001a0022002a003200380042"
    "005a0a0a036170701203776562127a0801120c0a0a0a0361707012037765621a600a1c0a0012001a0022002a003200380042"
    "005a0a0a036170701203776562124012220a056e67696e7812056e67696e782a0042006a007200800100880100900100a201"
    "001a00320042004a0052005800600068008201008a01009a0100c2010022020a00280038001a0c0800100018002000280038"
    "001a002200"
)


def parse_protobuf(data: bytes):
    return protobuf.parse_protobuf(data)


def field(number: int, value: bytes | int) -> bytes:
    """One field on the wire."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    """A base-128 integer."""
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def body(api_version: str, kind: str, message: bytes) -> bytes:
    """A message in its envelope."""
    type_meta = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\x00" + field(1, type_meta) + field(2, message)


def test_what_kubectl_sends() -> None:
    tree = parse_protobuf(DEPLOYMENT)
    assert (tree["apiVersion"], tree["kind"]) == ("apps/v1", "Deployment")
    assert tree["metadata"] == {"name": "web", "labels": {"app": "web"}}
    assert tree["spec"]["replicas"] == 1
    assert tree["spec"]["selector"] == {"matchLabels": {"app": "web"}}
    assert tree["spec"]["template"]["spec"]["containers"][0] == {"name": "nginx", "image": "nginx", "resources": {}}


def test_types_of_their_own() -> None:
    quantity = field(1, b"100m")
    limits = field(1, field(1, b"cpu") + field(2, quantity))
    probe = field(1, field(2, field(1, b"/ok") + field(2, field(1, 1) + field(3, b"http"))))  # inline ProbeHandler
    container = field(1, b"c") + field(8, limits) + field(10, probe)
    source = field(2, field(2, field(1, b"")))  # inline VolumeSource: emptyDir
    spec = field(2, container) + field(1, field(1, b"v") + source) + field(4, (1 << 64) - 5)
    tree = parse_protobuf(body("v1", "Pod", field(2, spec)))["spec"]
    assert tree["containers"][0]["resources"]["limits"] == {"cpu": "100m"}
    assert tree["containers"][0]["livenessProbe"]["httpGet"] == {"path": "/ok", "port": "http"}
    assert tree["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert tree["terminationGracePeriodSeconds"] == -5


def test_fields_with_capitals() -> None:
    """Some .proto files spell fields as Go does."""
    hook = field(1, b"a.example.com")
    webhooks = body("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", field(2, hook) + field(2, hook))
    assert parse_protobuf(webhooks)["webhooks"] == [{"name": "a.example.com"}] * 2
    variable, validation = field(1, b"a") + field(2, b"1"), field(1, b"variables.a == 1")
    spec = field(3, validation) + field(7, variable)
    policy = parse_protobuf(body("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", field(2, spec)))
    assert policy["spec"]["validations"] == [{"expression": "variables.a == 1"}]
    assert policy["spec"]["variables"] == [{"name": "a", "expression": "1"}]


def test_bytes_times_and_delete_options() -> None:
    secret = parse_protobuf(body("v1", "Secret", field(2, field(1, b"k") + field(2, b"\x00v"))))
    assert secret["data"] == {"k": "AHY="}
    created = field(1, field(8, field(1, 1_700_000_000)))
    assert parse_protobuf(body("v1", "Secret", created))["metadata"] == {"creationTimestamp": "2023-11-14T22:13:20Z"}
    options = parse_protobuf(body("v1", "DeleteOptions", field(1, 0) + field(4, b"Foreground")))
    assert options == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Foreground",
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"k8s\x00",
        b"k8s\x00\x0a\xff",
        body("v1", "Pod", b"\x0a\xff"),
        body("v1", "Pod", b"\xff" * 20),
        body("v1", "Pod", field(1, 5)),
        body("v1", "Pod", field(1, field(1, b"\xff"))),
    ],
)
def test_broken_bodies(data: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_protobuf(data)


@given(st.binary(max_size=80))
def test_arbitrary_messages_parse_or_are_refused(message: bytes) -> None:
    for kind in ("Pod", "Secret", "Service"):
        try:
            assert parse_protobuf(body("v1", kind, message))["kind"] == kind
        except BadRequest as error:
            assert error.message


def test_schemas_of_definitions_are_schemas_or_something_else():
    def text(number: int, value: str) -> bytes:
        return field(number, value.encode())

    string = text(5, "string")
    properties = [
        ("list", field(24, field(1, string))),  # items: a schema
        ("tuple", field(24, field(2, string) + field(2, text(5, "integer")))),  # items: several
        ("open", field(30, field(1, 1))),  # additionalProperties: true
        ("closed", field(30, field(1, 0))),
        ("map", field(30, field(1, 1) + field(2, string))),
        ("given", field(8, field(1, b'{"a":[1]}')) + field(20, field(1, b'"x"')) + field(38, 1) + text(42, "set")),
        ("named", text(3, "#/x") + field(44, text(1, "self > 0"))),
    ]
    schema = b"".join(field(29, text(1, name) + field(2, value)) for name, value in properties)
    version = text(1, "v1") + field(2, 1) + field(3, 1) + field(4, field(1, schema))
    tree = parse_protobuf(body("apiextensions.k8s.io/v1", "CustomResourceDefinition", field(2, field(7, version))))
    found = tree["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert found == {
        "list": {"items": {"type": "string"}},
        "tuple": {"items": [{"type": "string"}, {"type": "integer"}]},
        "open": {"additionalProperties": True},
        "closed": {"additionalProperties": False},
        "map": {"additionalProperties": {"type": "string"}},
        "given": {
            "default": {"a": [1]},
            "enum": ["x"],
            "x-kubernetes-preserve-unknown-fields": True,
            "x-kubernetes-list-type": "set",
        },
        "named": {"$ref": "#/x", "x-kubernetes-validations": [{"rule": "self > 0"}]},
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty data"),
        (b"{}", "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"),
        (b"k8s\x00", "empty body"),
        (b"k8s\x00\x0a\x05a", "unexpected EOF"),
        (body("v1", "Pod", b"\xff" * 20), "proto: integer overflow"),
        (body("v1", "Pod", field(0, 1)), "proto: Pod: illegal tag 0 (wire type 0)"),
        (body("v1", "Pod", field(1, 1)), "proto: wrong wireType = 0 for field ObjectMeta"),
    ],
)
def test_what_is_wrong_with_a_body(data: bytes, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_protobuf(data)
    assert caught.value.message == message


def test_a_body_may_leave_out_what_it_is() -> None:
    named = field(1, field(1, b"a"))
    bare = b"k8s\x00" + field(2, named)
    assert protobuf.parse_protobuf(bare, "v1", "Pod") == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    other = protobuf.parse_protobuf(body("apps/v1", "Deployment", named), "v1", "Pod")
    assert (other["apiVersion"], other["kind"], other["metadata"]) == ("apps/v1", "Deployment", {"name": "a"})


def test_of_a_type_without_a_message_only_the_type_is_known() -> None:
    assert parse_protobuf(body("example.com/v1", "Boat", field(1, b"x"))) == {
        "apiVersion": "example.com/v1",
        "kind": "Boat",
    }


def test_numbers_may_be_packed() -> None:
    context = field(4, 1) + field(4, 2) + field(4, varint(3) + varint(1000))
    tree = parse_protobuf(body("v1", "Pod", field(2, field(14, context))))
    assert tree["spec"]["securityContext"]["supplementalGroups"] == [1, 2, 3, 1000]


def test_unknown_fields_are_skipped_whatever_their_type() -> None:
    unknown = field(900, 5) + field(901, b"abc") + varint(902 << 3 | 1) + b"8" * 8 + varint(903 << 3 | 5) + b"4" * 4
    assert parse_protobuf(body("v1", "Pod", unknown + field(1, field(1, b"a"))))["metadata"] == {"name": "a"}
