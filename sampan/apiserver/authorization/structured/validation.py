"""What an AuthorizationConfiguration may say: every field error, in upstream's words and order.

Compiled match conditions are a by-product. Rules: k8s.io/apiserver/pkg/apis/apiserver/validation, and
k8s.io/kubernetes/pkg/kubeapiserver/authorizer (LoadAndValidateData). Called where the file is read, at the start and
when it changes; not for the event loop.
"""

from collections.abc import Collection, Iterator
from pathlib import Path as FilePath

from sampan.apiserver.authorization.structured.configuration import (
    DENY,
    IN_CLUSTER,
    KUBECONFIG_FILE,
    MODES,
    NO_OPINION,
    WEBHOOK,
    AuthorizationConfiguration,
    AuthorizerConfiguration,
    WebhookConfiguration,
    name_of_mode,
)
from sampan.apiserver.authorization.webhook.match_conditions import Condition, Uncompiled
from sampan.machinery import names
from sampan.machinery.aggregate import aggregated
from sampan.machinery.durations import go_duration
from sampan.machinery.errors import FieldError
from sampan.machinery.paths import ROOT, Path, duplicate, invalid, not_supported, required, too_many

_MOST_CONDITIONS, _LONGEST_TIMEOUT = 64, 30.0

Errors = Iterator[FieldError]


class Unusable(ValueError):
    """A configuration can't be used; str() says why, in upstream's words."""


def check(configuration: AuthorizationConfiguration, required_types: Collection[str] = ()) -> None:
    """Raises Unusable. `required_types` must be there, as they were when the server started."""
    if errors := [str(error) for error in validate(configuration)]:
        raise Unusable(aggregated(errors))
    types = [one.type for one in configuration.authorizers if one.type != WEBHOOK]
    wrong = [
        f"expected name {name_of_mode(one.type)} for authorizer {one.type} instead of {one.name}"
        for one in configuration.authorizers
        if one.type != WEBHOOK and one.name != name_of_mode(one.type)
    ]
    if missing := sorted(set(required_types).difference(types)):
        wrong.append(f"missing required types: [{' '.join(missing)}]")
    if wrong:
        raise Unusable(aggregated(wrong))


def validate(configuration: AuthorizationConfiguration) -> Errors:
    """All that is wrong with the file alone."""
    place = ROOT.child("authorizers")
    if not configuration.authorizers:
        yield required(place, "at least one authorization mode must be defined")
    types, known = set[str](), set[str]()
    for at, authorizer in enumerate(configuration.authorizers):
        path = place.index(at)
        if fault := _type_fault(authorizer.type, path.child("type"), types):
            yield fault
            continue
        types.add(authorizer.type)
        yield from _name(authorizer.name, path.child("name"), known)
        known.add(authorizer.name)
        yield from _behaviour(authorizer, path)


def _type_fault(type_: str, path: Path, seen: Collection[str]) -> FieldError | None:
    if not type_:
        return required(path)
    if type_ not in MODES:
        return not_supported(path, type_, sorted(MODES))
    return duplicate(path, type_) if type_ in seen and type_ != WEBHOOK else None


def _name(name: str, path: Path, seen: Collection[str]) -> Errors:
    if not name:
        yield required(path)
    elif name in seen:
        yield duplicate(path, name)
    elif wrong := names.dns_subdomain(name):
        yield invalid(path, name, f"authorizer name is invalid: {', '.join(wrong)}")


def _behaviour(authorizer: AuthorizerConfiguration, path: Path) -> Errors:
    webhook = authorizer.webhook
    if authorizer.type != WEBHOOK:
        if webhook is not None:
            yield invalid(path.child("webhook"), "non-null", "may only be specified when type=Webhook")
    elif webhook is None:
        yield required(path.child("webhook"), "required when type=Webhook")
    else:
        yield from _times(webhook, path)
        yield from _versions(webhook, path)
        yield from _one_of(webhook.failure_policy, path.child("failurePolicy"), (NO_OPINION, DENY))
        yield from _connection(webhook, path.child("connectionInfo"))
        yield from _conditions(webhook, path.child("matchConditions"))


def _times(webhook: WebhookConfiguration, path: Path) -> Errors:
    timeout = webhook.timeout
    if timeout == 0:
        yield required(path.child("timeout"))
    elif not 0 < timeout <= _LONGEST_TIMEOUT:
        yield invalid(path.child("timeout"), go_duration(timeout), "must be > 0s and <= 30s")
    for field, seconds in (("authorizedTTL", webhook.authorized_ttl), ("unauthorizedTTL", webhook.unauthorized_ttl)):
        if seconds < 0:
            yield invalid(path.child(field), go_duration(seconds), "must be > 0s")


def _versions(webhook: WebhookConfiguration, path: Path) -> Errors:
    yield from _one_of(webhook.version, path.child("subjectAccessReviewVersion"), ("v1", "v1beta1"))
    place = path.child("matchConditionSubjectAccessReviewVersion")
    if webhook.condition_version:
        yield from _one_of(webhook.condition_version, place, ("v1",))
    elif webhook.match_conditions:
        yield required(place, "required if match conditions are specified")


def _one_of(text: str, path: Path, known: tuple[str, ...]) -> Errors:
    if not text:
        yield required(path)
    elif text not in known:
        yield not_supported(path, text, known)


def _connection(webhook: WebhookConfiguration, path: Path) -> Errors:
    place, file = path.child("kubeConfigFile"), webhook.kubeconfig
    if webhook.connection == IN_CLUSTER:
        if file is not None:
            yield invalid(place, file, "can only be set when type=KubeConfigFile")
    elif webhook.connection != KUBECONFIG_FILE:
        yield from _one_of(webhook.connection, path.child("type"), (IN_CLUSTER, KUBECONFIG_FILE))
    elif not file:
        yield required(place)
    elif not FilePath(file).is_absolute():
        yield invalid(place, file, "must be an absolute path")
    else:
        yield from _file(file, place)


def _file(file: str, place: Path) -> Errors:
    try:
        FilePath(file).stat()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        yield invalid(place, file, f"error loading file: stat {file}: {why}")
        return
    if not FilePath(file).is_file():
        yield invalid(place, file, "must be a regular file")


def _conditions(webhook: WebhookConfiguration, path: Path) -> Errors:
    if len(webhook.match_conditions) > _MOST_CONDITIONS:
        yield too_many(path, len(webhook.match_conditions), _MOST_CONDITIONS)
        return
    seen: set[str] = set()
    for at, text in enumerate(webhook.match_conditions):
        place = path.index(at).child("expression")
        if not text.strip():
            yield required(place)
        elif text in seen:
            yield duplicate(place, text)
        else:
            seen.add(text)
            try:
                Condition(text)
            except Uncompiled as error:
                yield invalid(place, text, str(error))
