"""Which requests rules are about."""

from typing import Any

import pytest

from sampan.apiserver.admission.dynamic.rules import Place, Target, is_exempt, matched_place, matches
from tests.apiserver.admission.hooks import rule

APPS, OLD, CORE = Place("apps", "v1"), Place("extensions", "v1beta1"), Place("", "v1")
TARGET = Target("CREATE", CORE, "pods", "", "default", "web")


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"operations": ["UPDATE"]}, False),
        ({"operations": ["*"]}, True),
        ({"apiGroups": ["apps"]}, False),
        ({"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}, True),
        ({"apiVersions": ["v2"]}, False),
        ({"resources": ["*"]}, True),
        ({"resources": ["pods/*"]}, True),
        ({"resources": ["pods/status"]}, False),
        ({"scope": "Namespaced"}, True),
        ({"scope": "Cluster"}, False),
        ({"resourceNames": ["web"]}, True),
        ({"resourceNames": ["other"]}, False),
    ],
)
def test_a_rule(change: dict[str, Any], good: bool) -> None:
    assert matches({**rule("pods"), **change}, TARGET) is good


@pytest.mark.parametrize(
    ("resources", "subresource", "good"),
    [
        ("pods", "status", False),
        ("*", "status", False),
        ("*/status", "status", True),
        ("pods/*", "status", True),
        ("*/*", "status", True),
        ("pods/exec", "status", False),
    ],
)
def test_subresources(resources: str, subresource: str, good: bool) -> None:
    assert matches(rule(resources), TARGET._replace(subresource=subresource)) is good


def test_namespaces_lie_in_none() -> None:
    target = TARGET._replace(resource="namespaces", namespace="web")
    assert matches(rule("namespaces", scope="Cluster"), target)
    assert not matches(rule("namespaces", scope="Namespaced"), target)


def test_the_version_that_a_rule_names() -> None:
    target = TARGET._replace(place=APPS, resource="deployments")
    old = rule("deployments", group="extensions", version="v1beta1")
    places = (APPS, OLD)
    assert matched_place([old], "Equivalent", target, places) == OLD
    assert matched_place([old], "Exact", target, places) is None
    assert matched_place([old, rule("deployments", group="apps")], "Equivalent", target, places) == APPS
    assert matched_place([rule("deployments", "UPDATE", group="extensions")], "Equivalent", target, places) is None


def test_what_nobody_is_asked_about() -> None:
    for kind in ("ValidatingWebhookConfiguration", "MutatingAdmissionPolicyBinding"):
        assert is_exempt("admissionregistration.k8s.io", kind, "")
    assert is_exempt("authentication.k8s.io", "TokenReview", "tokenreviews")
    assert not is_exempt("", "Pod", "pods")
