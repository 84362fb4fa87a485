"""What expressions of admission policies and match conditions may use, and variables that refer to each other.

    environment = policy_environment(base, params=True)
    composition = Composition(environment)
    composition.add("replicas", "object.spec.replicas")
    program = compile_expression(composition.environment, "variables.replicas <= 5", BOOL)
    bindings = composition.bind({"object": ..., "request": ...})
    program.evaluate(bindings); bindings.cost          # of the variables that were looked at

Called by admission's policies and webhooks. Upstream: apiserver pkg/admission/plugin/cel/{compile,composition}.go.
"""

from collections.abc import Mapping
from typing import Any

from sampan.machinery.cel.environment import PER_CALL_LIMIT, Environment, Program
from sampan.machinery.cel.errors import BudgetExceeded, CompileError, EvaluationError, InstantiationError
from sampan.machinery.cel.library.authorizer import Authorizer, ResourceCheck
from sampan.machinery.cel.library.moments import parse_timestamp
from sampan.machinery.cel.mutation import MutationTypes
from sampan.machinery.cel.types import (
    DYN,
    TIMESTAMP,
    Declaration,
    DeclaredField,
    Type,
    parse_type,
    struct,
)

OBJECT, OLD_OBJECT, PARAMS, REQUEST = "object", "oldObject", "params", "request"
NAMESPACE, VARIABLES, AUTHORIZER, REQUEST_RESOURCE = (
    "namespaceObject", "variables", "authorizer", "authorizer.requestResource"
)  # fmt: skip
_KIND = {"group": "string", "version": "string", "kind": "string"}
_RESOURCE = {"group": "string", "version": "string", "resource": "string"}
_USER = {
    "username": "string",
    "uid": "string",
    "groups": "list(string)",
    "extra": "map(string, list(string))",
}
_ADMISSION_REQUEST = {
    "kind": "kubernetes.GroupVersionKind",
    "resource": "kubernetes.GroupVersionResource",
    "subResource": "string",
    "requestKind": "kubernetes.GroupVersionKind",
    "requestResource": "kubernetes.GroupVersionResource",
    "requestSubResource": "string",
    "name": "string",
    "namespace": "string",
    "operation": "string",
    "userInfo": "kubernetes.UserInfo",
    "dryRun": "bool",
    "options": "dyn",
}
_METADATA = {
    "name": "string",
    "generateName": "string",
    "namespace": "string",
    "labels": "map(string, string)",
    "annotations": "map(string, string)",
    "UID": "string",
    "creationTimestamp": "timestamp",
    "deletionGracePeriodSeconds": "int",
    "deletionTimestamp": "timestamp",
    "generation": "int",
    "resourceVersion": "string",
    "finalizers": "list(string)",
}
_CONDITION = {
    "status": "string",
    "type": "string",
    "lastTransitionTime": "timestamp",
    "message": "string",
    "reason": "string",
}
_STRUCTS: Mapping[str, Mapping[str, str]] = {
    "kubernetes.GroupVersionKind": _KIND,
    "kubernetes.GroupVersionResource": _RESOURCE,
    "kubernetes.UserInfo": _USER,
    "kubernetes.AdmissionRequest": _ADMISSION_REQUEST,
    "kubernetes.NamespaceMetadata": _METADATA,
    "kubernetes.NamespaceSpec": {"finalizers": "list(string)"},
    "kubernetes.NamespaceCondition": _CONDITION,
    "kubernetes.NamespaceStatus": {"conditions": "list(kubernetes.NamespaceCondition)", "phase": "string"},
    "kubernetes.Namespace": {
        "metadata": "kubernetes.NamespaceMetadata",
        "spec": "kubernetes.NamespaceSpec",
        "status": "kubernetes.NamespaceStatus",
    },
}


class ExpressionError(Exception):
    """An expression that cannot be used; str() is upstream's wording."""


def policy_environment(
    base: Environment,
    *,
    params: bool = False,
    authorizer: bool = True,
    patches: bool = False,
    object_type: Type = DYN,
    params_type: Type = DYN,
) -> Environment:
    """The environment of a policy's expressions. `patches`: Object{} and JSONPatch{} can be made.

    For jsonpatch.escapeKey the base must have the library mutation.JSON_PATCH.
    """
    variables = {
        OBJECT: object_type,
        OLD_OBJECT: object_type,
        NAMESPACE: declared("kubernetes.Namespace"),
        REQUEST: declared("kubernetes.AdmissionRequest"),
    }
    if params:
        variables[PARAMS] = params_type
    if authorizer:
        variables |= {AUTHORIZER: struct(Authorizer.name), REQUEST_RESOURCE: struct(ResourceCheck.name)}
    made = base.extend(variables)
    return made.wrap_types(MutationTypes) if patches else made


def declared(text: str) -> Type:
    """A type of the tables above, with its fields."""
    return _with_declaration(parse_type(text))


def _with_declaration(type_: Type) -> Type:
    parameters = tuple(_with_declaration(parameter) for parameter in type_.parameters)
    made = Declaration()
    if type_.name in _STRUCTS:
        made.fields = {name: _field(name, text) for name, text in _STRUCTS[type_.name].items()}
    if type_ == TIMESTAMP:
        made.read = _timestamp
    made.type = Type(type_.kind, type_.name, parameters, made)
    return made.type


def _field(name: str, text: str) -> DeclaredField:
    declaration = declared(text).declaration
    assert declaration is not None
    return DeclaredField(name, declaration)


def _timestamp(value: Any) -> Any:
    return parse_timestamp(value) if isinstance(value, str) else value


def compile_expression(environment: Environment, text: str, *results: Type) -> Program:
    """The program of an expression that must have one of some types, of any if none is named; or ExpressionError."""
    try:
        program = environment.compile(text)
    except CompileError as error:
        raise ExpressionError(f"compilation failed: {error}") from None
    except InstantiationError as error:
        raise ExpressionError(f"program instantiation failed: {error}") from None
    if results and program.result_type not in results:
        shown = str(results[0]) if len(results) == 1 else f"one of [{' '.join(map(str, results))}]"
        raise ExpressionError(f"must evaluate to {shown} but got {program.result_type}")
    return program


class Composition:
    """Named expressions that come before others: `variables.name`. Each sees those that were added before it."""

    def __init__(self, environment: Environment) -> None:
        self._fields: dict[str, DeclaredField] = {}
        self._programs: dict[str, Program | str] = {}
        declaration = Declaration(fields=self._fields)
        declaration.type = struct("kubernetes.variables", declaration)
        self.environment = environment.extend({VARIABLES: declaration.type})

    def add(self, name: str, text: str) -> Program:
        """Add a variable. One that does not compile raises ExpressionError, and fails where it is used."""
        declaration = Declaration()
        declaration.type = DYN
        self._fields[name] = DeclaredField(name, declaration, nullable=True)
        try:
            program = compile_expression(self.environment, text)
        except ExpressionError as error:
            self._programs[name] = str(error)
            raise
        declaration.type = program.result_type
        self._programs[name] = program
        return program

    def bind(self, bindings: Mapping[str, Any]) -> "Bindings":
        """The bindings with the variables, which are worked out when they are looked at, once."""
        return Bindings(bindings, self._programs)


class Bindings(dict[str, Any]):
    """Bindings for the expressions of one evaluation; `cost` is what the variables have cost so far."""

    def __init__(self, bindings: Mapping[str, Any], programs: Mapping[str, Program | str]) -> None:
        super().__init__(bindings)
        self.cost = 0
        self._programs = programs
        self[VARIABLES] = _Variables(self)

    def compute(self, name: str) -> Any:
        """The value of a variable."""
        program = self._programs[name]
        if isinstance(program, str):
            raise EvaluationError(f'composited variable "{name}" fails to compile: {program}')
        try:
            result = program.evaluate(self, PER_CALL_LIMIT)
        except (EvaluationError, BudgetExceeded) as error:
            self.cost += error.cost
            raise EvaluationError(f'composited variable "{name}" fails to evaluate: {error}') from None
        self.cost += result.cost
        return result.value


class _Variables(dict[str, Any]):
    """The values of the variables that were looked at."""

    def __init__(self, bindings: Bindings) -> None:
        super().__init__()
        self._bindings = bindings

    def __missing__(self, name: str) -> Any:
        value = self[name] = self._bindings.compute(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The value, worked out if need be."""
        return self[name]
