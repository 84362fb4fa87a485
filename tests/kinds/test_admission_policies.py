"""ValidatingAdmissionPolicy, MutatingAdmissionPolicy and their bindings."""

import pytest

from tests.kinds.write import cells, create_errors, created, served, stored, update_errors

GROUP = "admissionregistration.k8s.io"
RULE = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}
CONSTRAINTS = {"resourceRules": [RULE]}
VALIDATING = {"matchConstraints": CONSTRAINTS, "validations": [{"expression": "object.spec.replicas <= 5"}]}
PATCH = "[JSONPatch{op: 'remove', path: '/spec/replicas'}]"
MUTATING = {
    "matchConstraints": CONSTRAINTS,
    "reinvocationPolicy": "Never",
    "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": PATCH}}],
}


def made(kind, version, spec, fields):
    body = {field: value for field, value in {**spec, **fields}.items() if value is not None}
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": "p.example.com"}, "spec": body}


def validating(version="v1", **fields):
    return made("ValidatingAdmissionPolicy", version, VALIDATING, fields)


def mutating(version="v1", **fields):
    return made("MutatingAdmissionPolicy", version, MUTATING, fields)


def binding(kind="ValidatingAdmissionPolicyBinding", version="v1", **fields):
    actions = {"validationActions": ["Deny"]} if kind.startswith("Validating") else {}
    return made(kind, version, {"policyName": "p.example.com", **actions}, fields)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
@pytest.mark.parametrize("policy", [validating, mutating])
def test_defaults(policy, version):
    assert create_errors(policy(version)) == []
    spec = created(policy(version))["spec"]
    match = spec["matchConstraints"]
    assert (spec["failurePolicy"], match["matchPolicy"]) == ("Fail", "Equivalent")
    assert match["namespaceSelector"] == match["objectSelector"] == {}
    assert match["resourceRules"][0]["scope"] == "*"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"failurePolicy": "No"}, ['failurePolicy: Unsupported value: "No": supported values: "Fail", "Ignore"']),
        ({"matchConstraints": None}, ["matchConstraints: Required value"]),
        ({"matchConstraints": {}}, ["matchConstraints.resourceRules: Required value"]),
        (
            {"matchConstraints": {"resourceRules": [{**RULE, "resourceNames": ["a/b", "c", "c"]}]}},
            [
                "matchConstraints.resourceRules[0].resourceNames[0]: Invalid value: \"a/b\": may not contain '/'",
                'matchConstraints.resourceRules[0].resourceNames[2]: Duplicate value: "c"',
            ],
        ),
        ({"paramKind": {}}, ["paramKind.apiVersion: Required value", "paramKind.kind: Required value"]),
        (
            {"paramKind": {"apiVersion": "a/b/c", "kind": "ConfigMap"}},
            ['paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
        ),
        (
            {"paramKind": {"apiVersion": "a/", "kind": "ConfigMap"}},
            ['paramKind.apiVersion: Invalid value: "a/": version must be specified'],
        ),
        (
            {"variables": [{"name": "in", "expression": "1"}, {"name": "a", "expression": " "}]},
            [
                'variables[0].name: Invalid value: "in": must be a valid CEL identifier',
                "variables[1].expression: Required value: expression is not specified",
            ],
        ),
        ({"matchConditions": [{"expression": "true"}]}, ["matchConditions[0].name: Required value"]),
    ],
)
@pytest.mark.parametrize("policy", [validating, mutating])
def test_policies(policy, fields, errors):
    assert create_errors(policy(**fields)) == [f"spec.{error}" for error in errors]


NOTHING = "Required value: validations or auditAnnotations must contain at least one item"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"validations": None}, [f"validations: {NOTHING}", f"auditAnnotations: {NOTHING}"]),
        ({"validations": [{}]}, ["validations[0].expression: Required value: expression is not specified"]),
        (
            {"validations": [{"expression": "true", "message": "a\nb", "reason": "Conflict"}]},
            [
                'validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
                'validations[0].reason: Unsupported value: "Conflict": supported values: '
                '"Forbidden", "Invalid", "RequestEntityTooLarge"',
            ],
        ),
        (
            {"validations": [{"expression": "true", "message": " ", "messageExpression": " "}]},
            [
                'validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
                'validations[0].message: Invalid value: " ": must be non-empty if specified',
            ],
        ),
        (
            {"auditAnnotations": [{"key": "a", "valueExpression": "'x'"}, {"key": "a"}]},
            [
                "auditAnnotations[1].valueExpression: Required value: valueExpression is not specified",
                'auditAnnotations[1].key: Duplicate value: "a"',
            ],
        ),
    ],
)
def test_validations(fields, errors):
    assert create_errors(validating(**fields)) == [f"spec.{error}" for error in errors]


@pytest.mark.parametrize(
    ("mutation", "errors"),
    [
        ({}, ["patchType: Required value"]),
        (
            {"patchType": "Merge"},
            ['patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"'],
        ),
        ({"patchType": "JSONPatch"}, ["jsonPatch: Required value: must be specified when patchType is JSONPatch"]),
        (
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": ""}, "jsonPatch": {}},
            [
                "applyConfiguration.expression: Required value",
                'jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration',
            ],
        ),
    ],
)
def test_mutations(mutation, errors):
    assert create_errors(mutating(mutations=[mutation])) == [f"spec.mutations[0].{error}" for error in errors]


def test_a_mutating_policy_changes_something_that_stays():
    assert create_errors(mutating(mutations=[], reinvocationPolicy="Always")) == [
        "spec.mutations: Required value: mutations must contain at least one item",
        'spec.reinvocationPolicy: Unsupported value: "Always": supported values: "IfNeeded", "Never"',
    ]
    deleting = {"resourceRules": [{**RULE, "operations": ["DELETE"]}]}
    detail = 'Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"'
    assert create_errors(mutating(matchConstraints=deleting)) == [
        f"spec.matchConstraints.resourceRules.operations: {detail}"
    ]
    assert create_errors(binding("MutatingAdmissionPolicyBinding", matchResources=deleting)) == [
        f"spec.matchResources.resourceRules.operations: {detail}"
    ]


P = "spec.paramRef"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"policyName": None}, ["spec.policyName: Required value"]),
        ({"paramRef": {"name": "a", "parameterNotFoundAction": "Deny"}}, []),
        (
            {"paramRef": {}},
            [
                f"{P}: Required value: one of name or selector must be specified",
                f"{P}.parameterNotFoundAction: Required value",
            ],
        ),
        (
            {"paramRef": {"name": "a", "selector": {}, "parameterNotFoundAction": "Ask"}},
            [
                f"{P}.name: Forbidden: name and selector are mutually exclusive",
                f"{P}.selector: Forbidden: name and selector are mutually exclusive",
                f'{P}.parameterNotFoundAction: Unsupported value: "Ask": supported values: "Deny", "Allow"',
            ],
        ),
    ],
)
@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding"])
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_bindings(kind, version, fields, errors):
    assert create_errors(binding(kind, version, **fields)) == errors


A = "spec.validationActions"


@pytest.mark.parametrize(
    ("actions", "errors"),
    [
        (["Warn", "Audit"], []),
        ([], [f"{A}: Required value: at least one validation action is required"]),
        (["Shout"], [f'{A}[0]: Unsupported value: "Shout": supported values: "Audit", "Deny", "Warn"']),
        (["Audit", "Audit"], [f'{A}[1]: Duplicate value: "Audit"']),
        (
            ["Deny", "Warn"],
            [
                f'{A}: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same '
                "validation failure information in the API response and headers serves no purpose)"
            ],
        ),
    ],
)
def test_validation_actions(actions, errors):
    assert create_errors(binding(validationActions=actions)) == errors


def test_columns():
    param = {"apiVersion": "v1", "kind": "ConfigMap"}
    assert cells(validating(paramKind=param))[:2] == [1, "v1/ConfigMap"]
    assert cells(mutating())[:2] == [1, "<unset>"]
    assert cells(binding())[:2] == ["p.example.com", "<unset>"]
    assert cells(binding(paramRef={"name": "a"}))[1] == "*/a"
    assert cells(binding(paramRef={"name": "a", "namespace": "n"}))[1] == "n/a"
    assert cells(binding(paramRef={"selector": {"matchLabels": {"a": "b"}}}))[1] == "a=b"


def test_updates_are_judged_too():
    assert update_errors(stored(validating()), validating(validations=[{}])) == [
        "spec.validations[0].expression: Required value: expression is not specified"
    ]
    odd = {"matchConditions": [{"name": "", "expression": "true"}]}
    assert update_errors(stored(mutating(**odd)), mutating(**odd)) == []


def test_the_status_of_a_policy():
    kind, old = served(validating()).kind, stored(validating())
    condition = {"type": "Ready", "status": "Yes", "reason": "1", "lastTransitionTime": "2026-01-02T11:00:00Z"}
    status = {"conditions": [condition], "typeChecking": {"expressionWarnings": [{"fieldRef": "spec"}]}}
    reason = (
        "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
        "characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or "
        "'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
        "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"
    )
    assert [str(error) for error in kind.validate_status_update({**old, "status": status}, old)] == [
        "status.typeChecking.expressionWarnings[0].warning: Required value",
        'status.conditions[0].status: Unsupported value: "Yes": supported values: "False", "True", "Unknown"',
        f'status.conditions[0].reason: Invalid value: "1": {reason}',
    ]
    new = {**old, "metadata": {**old["metadata"], "labels": {"a": "b"}}}
    kind.prepare_status_update(new, old)
    assert "labels" not in new["metadata"]


VARIABLES = [
    {"name": "most", "expression": "5"},
    {"name": "replicas", "expression": "has(object.spec.replicas) ? object.spec.replicas : variables.most"},
]
PARAM_KIND = {"apiVersion": "v1", "kind": "ConfigMap"}


@pytest.mark.parametrize(
    "fields",
    [
        {"variables": VARIABLES, "validations": [{"expression": "variables.replicas <= variables.most"}]},
        {"paramKind": PARAM_KIND, "validations": [{"expression": "string(object.spec.replicas) == params.data.most"}]},
        {"validations": [{"expression": "authorizer.requestResource.check('update').allowed()"}]},
        {"validations": [{"expression": "request.userInfo.groups.exists(g, g == 'admins')"}]},
        {
            "validations": [
                {"expression": "namespaceObject.metadata.creationTimestamp < timestamp('2026-01-02T00:00:00Z')"}
            ]
        },
        {"validations": [{"expression": "true", "messageExpression": "'has ' + string(object.spec.replicas)"}]},
        {"auditAnnotations": [{"key": "a", "valueExpression": "null"}]},
        {"matchConditions": [{"name": "a", "expression": "request.operation != 'DELETE'"}]},
    ],
)
def test_expressions_that_compile(fields):
    assert create_errors(validating(**fields)) == []


def undeclared(name, column=1, source=None):
    dots = "." * (column - 1)
    text = f"ERROR: <input>:1:{column}: undeclared reference to '{name}' (in container '')"
    return f"compilation failed: {text}\\n | {source or name}\\n | {dots}^"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        (
            {"validations": [{"expression": "1"}]},
            ['validations[0].expression: Invalid value: "1": must evaluate to bool but got int'],
        ),
        (
            {"validations": [{"expression": "params.a"}]},
            ['validations[0].expression: Invalid value: "params.a": ' + undeclared("params", source="params.a")],
        ),
        (
            {"validations": [{"expression": "true", "messageExpression": "authorizer"}]},
            ['validations[0].messageExpression: Invalid value: "authorizer": ' + undeclared("authorizer")],
        ),
        (
            {"variables": VARIABLES[::-1]},
            [
                'variables[0].expression: Invalid value: "has(object.spec.replicas) ? object.spec.replicas : '
                "variables.most\": compilation failed: ERROR: <input>:1:61: undefined field 'most'"
            ],
        ),
        (
            {"auditAnnotations": [{"key": "a", "valueExpression": "1"}]},
            [
                'auditAnnotations[0].valueExpression: Invalid value: "1": '
                "must evaluate to one of [string null_type] but got int"
            ],
        ),
    ],
)
def test_expressions_that_do_not(fields, errors):
    found = create_errors(validating(**fields))
    assert len(found) == len(errors)
    for error, wanted in zip(found, errors, strict=True):
        assert error.replace("\n", "\\n").startswith(f"spec.{wanted}")


@pytest.mark.parametrize(
    ("mutation", "errors"),
    [
        ({"patchType": "JSONPatch", "jsonPatch": {"expression": PATCH}}, []),
        (
            {
                "patchType": "ApplyConfiguration",
                "applyConfiguration": {"expression": "Object{spec: Object.spec{replicas: variables.most}}"},
            },
            [],
        ),
        (
            {"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}},
            ['jsonPatch.expression: Invalid value: "[]": must evaluate to list(JSONPatch) but got list(dyn)'],
        ),
        (
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "{'a': 1}"}},
            [
                "applyConfiguration.expression: Invalid value: \"{'a': 1}\": "
                "must evaluate to Object but got map(string, int)"
            ],
        ),
    ],
)
def test_what_mutations_make(mutation, errors):
    manifest = mutating(variables=VARIABLES[:1], mutations=[mutation])
    assert create_errors(manifest) == [f"spec.mutations[0].{error}" for error in errors]


def test_conditions_that_do_not_change_are_not_compiled_again():
    broken = {"matchConditions": [{"name": "a", "expression": "nothing"}]}
    old = stored(validating(**broken))
    assert update_errors(old, validating(**broken)) == []
    assert len(update_errors(old, validating(**broken, paramKind=PARAM_KIND))) == 1
