"""Authorization checks in expressions: `authorizer.group('apps').resource('deployments').check('create').allowed()`.

The caller gives an Authorizer with the function that decides; it is asked while the expression runs, so it must answer
from memory. A check costs 350,000 units: an expression has room for two. Upstream: apiserver pkg/cel/library/authz.go.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sampan.machinery import names
from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.values import Extension

_SINCE, _SELECTORS_SINCE = (1, 27), (1, 31)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a path, or a resource. `user` is None for the one whose request it is."""

    verb: str
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""
    service_account: tuple[str, str] | None = None  # namespace and name, if another than the requester is meant


@dataclass(frozen=True, slots=True)
class Answer:
    """What the authorizer said."""

    allowed: bool
    reason: str = ""
    error: str | None = None


Ask = Callable[[Question], Answer]


@dataclass(frozen=True, slots=True)
class Authorizer(Extension):
    """The variable `authorizer`."""

    ask: Ask
    service_account: tuple[str, str] | None = None

    name = "kubernetes.authorization.Authorizer"


@dataclass(frozen=True, slots=True)
class PathCheck(Extension):
    """authorizer.path(...)."""

    authorizer: Authorizer
    path: str

    name = "kubernetes.authorization.PathCheck"


@dataclass(frozen=True, slots=True)
class GroupCheck(Extension):
    """authorizer.group(...)."""

    authorizer: Authorizer
    group: str

    name = "kubernetes.authorization.GroupCheck"


@dataclass(frozen=True, slots=True)
class ResourceCheck(Extension):
    """authorizer.group(...).resource(...), and the variable `authorizer.requestResource`."""

    authorizer: Authorizer
    question: Question

    name = "kubernetes.authorization.ResourceCheck"


@dataclass(frozen=True, slots=True)
class Decision(Extension):
    """What check(...) gives."""

    answer: Answer

    name = "kubernetes.authorization.Decision"


def request_resource(authorizer: Authorizer, attributes: Mapping[str, Any]) -> ResourceCheck:
    """The variable `authorizer.requestResource`: group, resource, subresource, namespace and name of a request."""
    return ResourceCheck(authorizer, Question("", **attributes))


def _path(authorizer: Authorizer, path: str) -> PathCheck:
    if not path.strip():
        raise EvaluationError("path must not be empty")
    return PathCheck(authorizer, path)


def _service_account(authorizer: Authorizer, namespace: str, name: str) -> Authorizer:
    if names.dns_subdomain(name):
        raise EvaluationError("Invalid service account name")
    if names.dns_label(namespace):
        raise EvaluationError("Invalid service account namespace")
    return replace(authorizer, service_account=(namespace, name))


def _resource(check: GroupCheck, resource: str) -> ResourceCheck:
    if not resource.strip():
        raise EvaluationError("resource must not be empty")
    account = check.authorizer.service_account
    question = Question("", group=check.group, resource=resource, service_account=account)
    return ResourceCheck(check.authorizer, question)


def _setter(field: str) -> Callable[[ResourceCheck, str], ResourceCheck]:
    return lambda check, value: replace(check, question=_with(check.question, field, value))


def _with(question: Question, field: str, value: str) -> Question:
    changes: dict[str, Any] = {field: value}
    return replace(question, **changes)


def _check_path(check: PathCheck, verb: str) -> Decision:
    question = Question(verb, path=check.path, service_account=check.authorizer.service_account)
    return Decision(check.authorizer.ask(question))


def _check_resource(check: ResourceCheck, verb: str) -> Decision:
    return Decision(check.authorizer.ask(replace(check.question, verb=verb)))


_A, _P, _G = Authorizer.name, PathCheck.name, GroupCheck.name
_R, _D = ResourceCheck.name, Decision.name
AUTHORIZER = Library(
    "authz",
    (
        overload(f"{_A}.path(string) -> {_P}", _path, since=_SINCE),
        overload(f"{_A}.group(string) -> {_G}", GroupCheck, since=_SINCE),
        overload(f"{_A}.serviceAccount(string, string) -> {_A}", _service_account, since=_SINCE),
        overload(f"{_P}.check(string) -> {_D}", _check_path, since=_SINCE),
        overload(f"{_G}.resource(string) -> {_R}", _resource, since=_SINCE),
        overload(f"{_R}.subresource(string) -> {_R}", _setter("subresource"), since=_SINCE),
        overload(f"{_R}.namespace(string) -> {_R}", _setter("namespace"), since=_SINCE),
        overload(f"{_R}.name(string) -> {_R}", _setter("name"), since=_SINCE),
        overload(f"{_R}.fieldSelector(string) -> {_R}", _setter("field_selector"), since=_SELECTORS_SINCE),
        overload(f"{_R}.labelSelector(string) -> {_R}", _setter("label_selector"), since=_SELECTORS_SINCE),
        overload(f"{_R}.check(string) -> {_D}", _check_resource, since=_SINCE),
        overload(f"{_D}.errored() -> bool", lambda decision: decision.answer.error is not None, since=_SINCE),
        overload(f"{_D}.error() -> string", lambda decision: decision.answer.error or "", since=_SINCE),
        overload(f"{_D}.allowed() -> bool", lambda decision: decision.answer.allowed, since=_SINCE),
        overload(f"{_D}.reason() -> string", lambda decision: decision.answer.reason, since=_SINCE),
    ),
)
