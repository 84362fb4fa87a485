import pytest

from sampan.machinery import field_selectors
from sampan.machinery.requirements import SelectorError
from tests.machinery.sample import POD, kind

KIND = kind("Pod", "pods", POD, selectable_fields={"spec.nodeName": lambda obj: obj["spec"].get("nodeName", "")})
OBJECT = {"metadata": {"name": "a,b", "namespace": "default"}, "spec": {"nodeName": "n1"}}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("spec.nodeName=n1", True),
        ("spec.nodeName==n1", True),
        ("spec.nodeName!=n1", False),
        ("spec.nodeName=", False),
        (r"metadata.name=a\,b", True),
        (r"metadata.name=a\,b,metadata.namespace!=kube-system", True),
        ("metadata.namespace=other,spec.nodeName=n1", False),
    ],
)
def test_matches(text, matches):
    assert field_selectors.parse(text).bind(KIND)(OBJECT) is matches


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nodeName", "invalid selector: 'nodeName'; can't understand 'nodeName'"),
        (r"metadata.name=a\b", r"invalid escape sequence: \b"),
        ("metadata.name=a=b", "invalid unescaped character in field selector: a=b"),
    ],
)
def test_bad_text(text, error):
    with pytest.raises(SelectorError) as caught:
        field_selectors.parse(text)
    assert caught.value.message == error


def test_a_field_that_the_kind_does_not_offer():
    with pytest.raises(SelectorError, match=r"field label not supported: spec\.hostname"):
        field_selectors.parse("spec.hostname=x").bind(KIND)
    nodes = kind("Node", "nodes", POD, namespaced=False)
    with pytest.raises(SelectorError, match=r"field label not supported: metadata\.namespace"):
        field_selectors.parse("metadata.namespace=x").bind(nodes)


def test_equals_and_text():
    selector = field_selectors.parse(r"metadata.name=a\,b,spec.nodeName!=n2")
    assert selector.equals("metadata.name") == "a,b"
    assert selector.equals("spec.nodeName") is None
    assert str(selector) == r"metadata.name=a\,b,spec.nodeName!=n2"
