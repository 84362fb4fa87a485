"""What expressions of admission may use."""

import pytest

from sampan.machinery.cel.admission import Variables, admission_environment
from sampan.machinery.cel.errors import CompileError
from sampan.machinery.cel.types import INT

NAMESPACE = {"metadata": {"name": "n", "creationTimestamp": "2026-01-02T11:00:00Z"}, "status": {"phase": "Active"}}
REQUEST = {
    "operation": "CREATE",
    "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
    "userInfo": {"groups": ["a"], "extra": {"k": ["v"]}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("namespaceObject.metadata.creationTimestamp.getHours()", 11),
        ("namespaceObject.status.phase", "Active"),
        ("request.kind.kind + request.operation", "DeploymentCREATE"),
        ("request.userInfo.extra['k'][0]", "v"),
        ("has(request.dryRun)", False),
        ("object.spec.replicas", 3),
    ],
)
def test_what_there_is(text, value):
    bindings = {"namespaceObject": NAMESPACE, "request": REQUEST, "object": {"spec": {"replicas": 3}}}
    assert admission_environment().compile(text).evaluate(bindings).value == value


@pytest.mark.parametrize(
    "text",
    ["params", "variables.a", "request.body", "namespaceObject.metadata.uid", "JSONPatch{op: 'add'}", "Object{}"],
)
def test_what_there_is_not(text):
    with pytest.raises(CompileError):
        admission_environment().compile(text)


def test_variables_have_types():
    variables = Variables()
    environment = variables.known_to(admission_environment())
    with pytest.raises(CompileError):
        environment.compile("variables.most")
    variables.add("most", INT)
    assert environment.compile("variables.most + 1").evaluate({"variables": {"most": 4}}).value == 5
    with pytest.raises(CompileError):
        environment.compile("variables.most + 'a'")


def test_only_some_may_ask_for_permission():
    text = "authorizer.requestResource.check('get').allowed()"
    assert str(admission_environment().compile(text).result_type) == "bool"
    with pytest.raises(CompileError):
        admission_environment(authorizer=False).compile(text)
