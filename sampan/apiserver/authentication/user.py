"""The identity behind a request, as k8s.io/apiserver/pkg/authentication/user describes it."""

from collections.abc import Mapping
from typing import NamedTuple

ANONYMOUS_USER = "system:anonymous"
GROUP_UNAUTHENTICATED = "system:unauthenticated"
GROUP_AUTHENTICATED = "system:authenticated"
GROUP_MASTERS = "system:masters"
GROUP_SERVICE_ACCOUNTS = "system:serviceaccounts"
GROUP_NODES = "system:nodes"
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"  # in a user's extra: which credential it showed
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"

NO_EXTRA: Mapping[str, tuple[str, ...]] = {}


class User(NamedTuple):
    """A user and what is known of it; groups include system:authenticated or system:unauthenticated."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = NO_EXTRA


ANONYMOUS = User(ANONYMOUS_USER, (GROUP_UNAUTHENTICATED,))


def authenticated(
    name: str, groups: tuple[str, ...] = (), uid: str = "", extra: Mapping[str, tuple[str, ...]] = NO_EXTRA
) -> User:
    """A user that proved who it is: system:authenticated is added."""
    if GROUP_AUTHENTICATED not in groups:
        groups = (*groups, GROUP_AUTHENTICATED)
    return User(name, groups, uid, extra)


def service_account_name(namespace: str, name: str) -> str:
    """The user name of a ServiceAccount."""
    return f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"


def service_account_groups(namespace: str) -> tuple[str, ...]:
    """The groups of every ServiceAccount of a namespace."""
    return (GROUP_SERVICE_ACCOUNTS, f"{GROUP_SERVICE_ACCOUNTS}:{namespace}")


def service_account(namespace: str, name: str, uid: str = "", extra: Mapping[str, tuple[str, ...]] = NO_EXTRA) -> User:
    """A ServiceAccount as a user."""
    return authenticated(service_account_name(namespace, name), service_account_groups(namespace), uid, extra)


def split_service_account(user: str) -> tuple[str, str] | None:
    """(namespace, name) of a ServiceAccount's user name; None for everybody else."""
    if not user.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, colon, name = user[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")
    return (namespace, name) if colon and namespace and name and ":" not in name else None


def user_info(user: User) -> dict[str, object]:
    """The authentication.k8s.io/v1 UserInfo tree."""
    tree: dict[str, object] = {"username": user.name}
    if user.uid:
        tree["uid"] = user.uid
    if user.groups:
        tree["groups"] = list(user.groups)
    if user.extra:
        tree["extra"] = {key: list(values) for key, values in user.extra.items()}
    return tree
