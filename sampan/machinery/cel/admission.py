"""What expressions of admission may use: match conditions of webhooks, and everything in policies.

    variables = Variables()
    environment = variables.known_to(admission_environment(params=True))
    variables.add("most", INT)
    environment.compile("object.spec.replicas <= variables.most")

`object`, `oldObject` and `params` may be anything; the request and its namespace have declared types. Called by
kinds/admissionregistration, which asks whether expressions compile, and by what evaluates them. Upstream: apiserver
pkg/admission/plugin/cel (compile.go, composition.go).
"""

from collections.abc import Mapping

from sampan.machinery.cel.engine import KUBERNETES
from sampan.machinery.cel.environment import Environment
from sampan.machinery.cel.errors import CompileError, InstantiationError
from sampan.machinery.cel.library.moments import parse_timestamp
from sampan.machinery.cel.mutation import JSON_PATCH, MutationTypes
from sampan.machinery.cel.types import (
    BOOL,
    DYN,
    NULL,
    STRING,
    TIMESTAMP,
    Declaration,
    DeclaredField,
    Type,
    list_of,
    parse_type,
    shown,
    struct,
)

_PACKAGE = "kubernetes."
_KIND = {"group": "string", "version": "string", "kind": "string"}
_TYPES: Mapping[str, Mapping[str, str]] = {  # each after those that it names
    "GroupVersionKind": _KIND,
    "GroupVersionResource": {"group": "string", "version": "string", "resource": "string"},
    "UserInfo": {
        "username": "string",
        "uid": "string",
        "groups": "list(string)",
        "extra": "map(string, list(string))",
    },
    "AdmissionRequest": {
        "kind": "GroupVersionKind",
        "resource": "GroupVersionResource",
        "subResource": "string",
        "requestKind": "GroupVersionKind",
        "requestResource": "GroupVersionResource",
        "requestSubResource": "string",
        "name": "string",
        "namespace": "string",
        "operation": "string",
        "userInfo": "UserInfo",
        "dryRun": "bool",
        "options": "dyn",
    },
    "NamespaceMetadata": {
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
    },
    "NamespaceSpec": {"finalizers": "list(string)"},
    "NamespaceCondition": {
        "status": "string",
        "type": "string",
        "lastTransitionTime": "timestamp",
        "message": "string",
        "reason": "string",
    },
    "NamespaceStatus": {"conditions": "list(NamespaceCondition)", "phase": "string"},
    "Namespace": {"metadata": "NamespaceMetadata", "spec": "NamespaceSpec", "status": "NamespaceStatus"},
}
_AUTHORIZER = {
    "authorizer": parse_type("kubernetes.authorization.Authorizer"),
    "authorizer.requestResource": parse_type("kubernetes.authorization.ResourceCheck"),
}
# What an expression may have to make, by the name of its use.
RESULTS: Mapping[str, tuple[Type, ...]] = {
    "bool": (BOOL,),
    "string": (STRING,),
    "string or null": (STRING, NULL),
    "apply configuration": (struct("Object"),),
    "json patch": (list_of(struct("JSONPatch")),),
    "any": (),
}


def admission_environment(*, params: bool = False, authorizer: bool = True, patches: bool = False) -> Environment:
    """The environment of an expression. `patches`: it may construct what a mutating policy makes."""
    types = declared_types(_TYPES)
    known = {"object": DYN, "oldObject": DYN}
    known |= {"namespaceObject": types["Namespace"], "request": types["AdmissionRequest"]}
    known |= {"params": DYN} if params else {}
    known |= _AUTHORIZER if authorizer else {}
    named = {type_.name: type_ for type_ in types.values()}
    environment = Environment(known, (*KUBERNETES, JSON_PATCH) if patches else KUBERNETES, named)
    return environment.wrap_types(MutationTypes) if patches else environment


class Variables:
    """The variables of a policy. They come one by one, and every expression knows those that came before it."""

    def __init__(self) -> None:
        self._fields: dict[str, DeclaredField] = {}
        self._type = _struct("variables", self._fields)

    def add(self, name: str, type_: Type) -> None:
        """From here on, there is one more, in the environments that know them, too."""
        self._fields[name] = DeclaredField(name, _of(type_))

    def known_to(self, environment: Environment) -> Environment:
        """The same environment with the variables. Cheap."""
        return environment.extend({"variables": self._type})


def compiled(environment: Environment, text: str, result: str) -> tuple[Type, str]:
    """The type of an expression that shall make a result of RESULTS, and what is wrong with it; "" if nothing is.

    What does not compile may be of any type, so that what uses it has no error of its own.
    """
    try:
        made = environment.compile(text).result_type
    except CompileError as error:
        return DYN, f"compilation failed: {error}"
    except InstantiationError as error:
        return DYN, f"program instantiation failed: {error}"
    wanted = RESULTS[result]
    if not wanted or made in wanted:
        return made, ""
    allowed = " ".join(map(shown, wanted))
    what = allowed if len(wanted) == 1 else f"one of [{allowed}]"
    return made, f"must evaluate to {what} but got {shown(made)}"


def user_info_type() -> Type:
    """kubernetes.UserInfo."""
    return declared_types(_TYPES)["UserInfo"]


def declared_types(table: Mapping[str, Mapping[str, str]]) -> dict[str, Type]:
    """The types of a table from names to fields; each may be made of those before it."""
    known: dict[str, Type] = {}
    for name, texts in table.items():
        fields = {field: DeclaredField(field, _of(_type(text, known))) for field, text in texts.items()}
        known[name] = _struct(name, fields)
    return known


def _struct(name: str, fields: Mapping[str, DeclaredField]) -> Type:
    declaration = Declaration(fields=fields)
    declaration.type = struct(_PACKAGE + name, declaration)
    return declaration.type


def _type(text: str, known: Mapping[str, Type]) -> Type:
    item = text.removeprefix("list(").removesuffix(")")
    if item in known:
        return known[item] if item == text else list_of(known[item])
    return parse_type(text)


def _of(type_: Type) -> Declaration:
    """The declaration of a field of some type; times are text in JSON."""
    if type_.declaration is not None:
        return type_.declaration
    made = Declaration(read=parse_timestamp if type_ == TIMESTAMP else None)
    made.type = Type(type_.kind, type_.name, type_.parameters, made)
    return made
