"""Variables, authorizers, constructed objects, and the types of built-in kinds, as policies have them."""

import pytest

from sampan.machinery import schema
from sampan.machinery.cel.admission import admission_environment, compiled
from sampan.machinery.cel.errors import BudgetExceeded, CompileError, EvaluationError
from sampan.machinery.cel.field_types import declare_definition
from sampan.machinery.cel.library.authorizer import Answer, Authorizer, Question, request_resource
from sampan.machinery.cel.mutation import mismatched_names
from sampan.machinery.cel.policies import Composition

POLICY = admission_environment()


def test_variables_are_worked_out_once_and_only_if_looked_at() -> None:
    composition = Composition(POLICY)
    composition.add("size", "object.l.size()")
    composition.add("twice", "variables.size * 2")
    composition.add("broken", "object.l[9]")
    program = composition.environment.compile("variables.twice == 4 && variables.twice > 1")
    bindings = composition.bind({"object": {"l": [1, 2]}})
    assert program.evaluate(bindings).value is True
    once = bindings.cost
    assert once == 3 + 3  # object.l.size() and variables.size * 2
    program.evaluate(bindings)
    assert bindings.cost == once


def test_a_variable_that_fails_fails_where_it_is_used() -> None:
    composition = Composition(POLICY)
    composition.add("broken", "object.l[9] == 1")
    assert "undeclared reference to 'nothing'" in composition.add("wrong", "nothing.at == all")
    bindings = composition.bind({"object": {"l": []}})
    broken = composition.environment.compile("variables.broken")
    with pytest.raises(EvaluationError) as failed:
        broken.evaluate(bindings)
    assert str(failed.value) == 'composited variable "broken" fails to evaluate: index out of bounds: 9'
    wrong = composition.environment.compile("variables.wrong == 1")
    with pytest.raises(EvaluationError, match='composited variable "wrong" fails to compile: compilation failed'):
        wrong.evaluate(bindings)


def test_variables_are_typed_and_may_be_null() -> None:
    composition = Composition(POLICY)
    composition.add("text", "'a'")
    composition.add("nothing", "null")
    with pytest.raises(CompileError, match="no matching overload for '_>_' applied to '\\(string, int\\)'"):
        composition.environment.compile("variables.text > 1")
    with pytest.raises(CompileError, match="undefined field 'later'"):
        composition.environment.compile("variables.later")
    program = composition.environment.compile("variables.nothing == null")
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


PATCHING = admission_environment(patches=True)


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
    with pytest.raises(CompileError, match="expected type of field 'op' is 'string' but provided type is 'int'"):
        PATCHING.compile("JSONPatch{op: 1}")
    with pytest.raises(CompileError, match="undeclared reference to 'Thing'"):
        PATCHING.compile("Thing{a: 1}")
    assert PATCHING.compile("Object{?a: object.?b}").evaluate({"object": {}}).value == {}


def test_types_of_built_in_objects_are_checked() -> None:
    own = declare_definition(schema.load(), "io.k8s.api.apps.v1.Deployment", "Deployment")
    typed = POLICY.extend({"object": own.type, "oldObject": own.type})
    typed.compile("object.spec.replicas > 1 && object.metadata.creationTimestamp.getHours() > 1")
    typed.compile("object.spec.template.spec.containers.all(c, c.image.startsWith('x'))")
    typed.compile("object.metadata.__namespace__ == 'x' && object.metadata.labels['a'] == 'b'")
    typed.compile("object.spec.template.spec.containers[0].resources.limits['cpu']")
    with pytest.raises(CompileError, match="undefined field 'replica'"):
        typed.compile("object.spec.replica > 1")
    with pytest.raises(CompileError, match="applied to '\\(int, string\\)'"):
        typed.compile("object.spec.replicas > 'x'")
    wrong = compiled(typed, "object.spec.template.spec.containers", "string")[1]
    assert wrong.startswith("must evaluate to string but got list(Deployment.spec.template.spec.containers")
