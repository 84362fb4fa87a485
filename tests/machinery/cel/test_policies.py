"""What policies' expressions may use: requests, namespaces, variables, authorizers, and objects made by them."""

from typing import Any

import pytest

from sampan.machinery import schema
from sampan.machinery.cel.environment import KUBERNETES, Environment
from sampan.machinery.cel.errors import BudgetExceeded, EvaluationError
from sampan.machinery.cel.field_types import declare_definition
from sampan.machinery.cel.library.authorizer import Answer, Authorizer, Question, request_resource
from sampan.machinery.cel.mutation import JSON_PATCH, mismatched_names
from sampan.machinery.cel.policies import Composition, ExpressionError, compile_expression, policy_environment
from sampan.machinery.cel.types import BOOL, STRING

BASE = Environment(libraries=(*KUBERNETES, JSON_PATCH))
POLICY = policy_environment(BASE, params=True)
REQUEST = {"operation": "CREATE", "userInfo": {"username": "alice", "groups": ["a", "b"]}, "kind": {"kind": "Pod"}}
NAMESPACE = {"metadata": {"name": "ns", "creationTimestamp": "2020-01-01T00:00:00Z", "labels": {"a": "b"}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("request.operation == 'CREATE' && 'a' in request.userInfo.groups", True),
        ("request.kind.kind + request.userInfo.username", "Podalice"),
        ("has(request.dryRun)", False),
        ("namespaceObject.metadata.creationTimestamp.getFullYear()", 2020),
        ("namespaceObject.metadata.labels['a']", "b"),
        ("object.spec.replicas > params.most", True),
        ("oldObject == null", True),
    ],
)
def test_a_request(text: str, expected: Any) -> None:
    bindings = {
        "object": {"spec": {"replicas": 5}},
        "oldObject": None,
        "params": {"most": 3},
        "request": REQUEST,
        "namespaceObject": NAMESPACE,
    }
    assert POLICY.compile(text).evaluate(bindings).value == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("request.operations", "compilation failed: ERROR: <input>:1:8: undefined field 'operations'"),
        ("object.spec", "must evaluate to bool but got dyn"),
        ("'a'", "must evaluate to bool but got string"),
        ("int('x') == 1", "program instantiation failed: type conversion error from 'string' to 'int'"),
    ],
)
def test_an_expression_that_cannot_be_used(text: str, error: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(POLICY, text, BOOL)
    assert str(refused.value).splitlines()[0] == error


def test_params_are_there_only_with_a_kind_of_params() -> None:
    with pytest.raises(ExpressionError, match="undeclared reference to 'params'"):
        compile_expression(policy_environment(BASE), "params.x")


def test_variables_are_worked_out_once_and_only_if_looked_at() -> None:
    composition = Composition(POLICY)
    composition.add("size", "object.l.size()")
    composition.add("twice", "variables.size * 2")
    composition.add("broken", "object.l[9]")
    program = compile_expression(composition.environment, "variables.twice == 4 && variables.twice > 1", BOOL)
    bindings = composition.bind({"object": {"l": [1, 2]}})
    assert program.evaluate(bindings).value is True
    once = bindings.cost
    assert once == 3 + 3  # object.l.size() and variables.size * 2
    program.evaluate(bindings)
    assert bindings.cost == once


def test_a_variable_that_fails_fails_where_it_is_used() -> None:
    composition = Composition(POLICY)
    composition.add("broken", "object.l[9] == 1")
    with pytest.raises(ExpressionError, match="undeclared reference to 'nothing'"):
        composition.add("wrong", "nothing.at == all")
    bindings = composition.bind({"object": {"l": []}})
    broken = compile_expression(composition.environment, "variables.broken", BOOL)
    with pytest.raises(EvaluationError) as failed:
        broken.evaluate(bindings)
    assert str(failed.value) == 'composited variable "broken" fails to evaluate: index out of bounds: 9'
    wrong = compile_expression(composition.environment, "variables.wrong == 1")
    with pytest.raises(EvaluationError, match='composited variable "wrong" fails to compile: compilation failed'):
        wrong.evaluate(bindings)


def test_variables_are_typed_and_may_be_null() -> None:
    composition = Composition(POLICY)
    composition.add("text", "'a'")
    composition.add("nothing", "null")
    with pytest.raises(ExpressionError, match="no matching overload for '_>_' applied to '\\(string, int\\)'"):
        compile_expression(composition.environment, "variables.text > 1")
    with pytest.raises(ExpressionError, match="undefined field 'later'"):
        compile_expression(composition.environment, "variables.later")
    program = compile_expression(composition.environment, "variables.nothing == null", BOOL)
    assert program.evaluate(composition.bind({})).value is True


class Asked:
    """An authorizer that remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.questions: list[Question] = []

    def __call__(self, question: Question) -> Answer:
        self.questions.append(question)
        return self.answer


def test_the_authorizer_is_asked_for_what_was_built() -> None:
    asked = Asked(Answer(True, "because"))
    text = (
        "authorizer.group('apps').resource('deployments').subresource('scale').namespace('ns').name('x')"
        ".fieldSelector('a=b').labelSelector('c').check('update').reason()"
    )
    result = POLICY.compile(text).evaluate({"authorizer": Authorizer(asked)})
    assert result.value == "because"
    selectors = {"field_selector": "a=b", "label_selector": "c"}
    question = Question("update", "", "apps", "deployments", "scale", "ns", "x", **selectors)
    assert asked.questions == [question]


def test_paths_service_accounts_and_the_request_itself() -> None:
    asked = Asked(Answer(False, error="down"))
    authorizer = Authorizer(asked)
    program = POLICY.compile("authorizer.serviceAccount('ns', 'sa').path('/healthz').check('get').error()")
    assert program.evaluate({"authorizer": authorizer}).value == "down"
    assert asked.questions.pop() == Question("get", path="/healthz", service_account=("ns", "sa"))
    own = request_resource(authorizer, {"group": "", "resource": "pods", "namespace": "ns", "name": "p"})
    program = POLICY.compile("authorizer.requestResource.check('use').allowed()")
    assert program.evaluate({"authorizer.requestResource": own}).value is False
    assert asked.questions == [Question("use", resource="pods", namespace="ns", name="p")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("authorizer.path(' ').check('get').allowed()", "path must not be empty"),
        ("authorizer.group('').resource('').check('get').allowed()", "resource must not be empty"),
        ("authorizer.serviceAccount('ns', '-').path('/').check('get').allowed()", "Invalid service account name"),
        ("authorizer.serviceAccount('N', 'a').path('/').check('get').allowed()", "Invalid service account namespace"),
    ],
)
def test_questions_that_cannot_be_asked(text: str, error: str) -> None:
    with pytest.raises(EvaluationError) as failed:
        POLICY.compile(text).evaluate({"authorizer": Authorizer(Asked(Answer(True)))})
    assert str(failed.value) == error


def test_an_expression_has_room_for_two_checks() -> None:
    check = "authorizer.path('/').check('get').allowed()"
    bindings = {"authorizer": Authorizer(Asked(Answer(True)))}
    assert POLICY.compile(f"{check} && {check}").evaluate(bindings).value is True
    with pytest.raises(BudgetExceeded) as exceeded:
        POLICY.compile(f"{check} && {check} && {check}").evaluate(bindings)
    assert str(exceeded.value) == "operation cancelled: actual cost limit exceeded"


PATCHING = policy_environment(BASE, patches=True)


def test_objects_are_made_with_their_types_names() -> None:
    program = PATCHING.compile("Object{spec: Object.spec{replicas: 3, template: Object.spec.template{}}}")
    assert str(program.result_type) == "Object"
    value = program.evaluate({}).value
    assert value == {"spec": {"replicas": 3, "template": {}}}
    assert mismatched_names(value) == []
    wrong = PATCHING.compile("Object{spec: Object.metadata{name: 'x'}}").evaluate({}).value
    assert mismatched_names(wrong) == [
        'unexpected type name "Object.metadata", expected "Object.spec", which matches field name path from root '
        "Object type"
    ]


def test_patches_have_their_fields() -> None:
    text = "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b~c'), value: object.x}]"
    program = PATCHING.compile(text)
    assert str(program.result_type) == "list(JSONPatch)"
    patch = program.evaluate({"object": {"x": [1]}}).value
    assert patch == [{"op": "add", "path": "/metadata/labels/a~1b~0c", "value": [1]}]
    with pytest.raises(ExpressionError, match="expected type of field 'op' is 'string' but provided type is 'int'"):
        compile_expression(PATCHING, "JSONPatch{op: 1}")
    with pytest.raises(ExpressionError, match="undeclared reference to 'Thing'"):
        compile_expression(PATCHING, "Thing{a: 1}")
    assert PATCHING.compile("Object{?a: object.?b}").evaluate({"object": {}}).value == {}


def test_types_of_built_in_objects_are_checked() -> None:
    own = declare_definition(schema.load(), "io.k8s.api.apps.v1.Deployment", "Deployment")
    typed = policy_environment(BASE, object_type=own.type)
    compile_expression(typed, "object.spec.replicas > 1 && object.metadata.creationTimestamp.getHours() > 1", BOOL)
    compile_expression(typed, "object.spec.template.spec.containers.all(c, c.image.startsWith('x'))", BOOL)
    compile_expression(typed, "object.metadata.__namespace__ == 'x' && object.metadata.labels['a'] == 'b'", BOOL)
    compile_expression(typed, "object.spec.template.spec.containers[0].resources.limits['cpu']")
    with pytest.raises(ExpressionError, match="undefined field 'replica'"):
        compile_expression(typed, "object.spec.replica > 1")
    with pytest.raises(ExpressionError, match="applied to '\\(int, string\\)'"):
        compile_expression(typed, "object.spec.replicas > 'x'")
    with pytest.raises(ExpressionError, match=r"must evaluate to string but got list\(Deployment\.spec"):
        compile_expression(typed, "object.spec.template.spec.containers", STRING)
