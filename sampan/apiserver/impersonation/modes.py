"""The ways to be allowed to act as another: four constrained ones, each for a kind of user and a verb of the request,
and the old one, which is for everything.

A constrained way asks twice: may the caller do this on behalf of such users (`impersonate-on:<mode>:<verb>`, on what
the request is for), and may it be this user (`impersonate:<mode>`). Rules: KEP-5284;
k8s.io/apiserver/pkg/endpoints/filters/impersonation (mode.go). Called by impersonator.py.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sampan.apiserver.authentication.user import (
    ANONYMOUS_USER,
    GROUP_AUTHENTICATED,
    GROUP_MASTERS,
    GROUP_NODES,
    GROUP_UNAUTHENTICATED,
    User,
    service_account_groups,
    split_service_account,
)
from sampan.apiserver.authorization.attributes import Attributes, forbidden
from sampan.apiserver.impersonation.headers import Wanted
from sampan.machinery.aggregate import aggregated
from sampan.machinery.paths import Path
from sampan.machinery.validation import dns_label, dns_subdomain, domain_prefixed_path

_AUTHENTICATION, _NODE = "authentication.k8s.io", "system:node:"
_NODE_NAME = "authentication.kubernetes.io/node-name"
_NODE_KEYS = "authentication.kubernetes.io/associated-node-keys"
_MANY = 4  # from so many on, one question for all is tried first

Applies = Callable[[Wanted, User], bool]


class Step(NamedTuple):
    """Questions that must all be allowed, or the one that stands for them."""

    questions: Sequence[Attributes]
    instead: Attributes | None = None


class Mode(NamedTuple):
    """One way. `name` is empty for the old one."""

    name: str
    applies: Applies

    @property
    def is_constrained(self) -> bool:
        """Whether it is one of the new ones."""
        return bool(self.name)

    @property
    def verb(self) -> str:
        """By which the caller may be somebody."""
        return f"impersonate:{self.name}" if self.name else "impersonate"

    def steps(self, wanted: Wanted, attributes: Attributes) -> Iterator[Step]:
        """All that has to be allowed, in order. Raises Forbidden for what nobody may."""
        if self.is_constrained:
            on = attributes._replace(verb=f"impersonate-on:{self.name}:{attributes.verb}")
            yield Step((self._asked(on),))
        yield Step((self._asked(self._of_name(wanted, attributes.user)),))
        authentication = Attributes(attributes.user, self.verb, group=_AUTHENTICATION, version="v1")
        if wanted.uid:
            yield Step((authentication._replace(resource="uids", name=wanted.uid),))
        yield from self._groups(wanted, attributes.user)
        yield from self._extra(wanted, authentication._replace(resource="userextras"))

    def _asked(self, attributes: Attributes) -> Attributes:
        """Of one's own node it does not matter which it is: the agent on every node has the same account."""
        if self.name != "associated-node":
            return attributes
        keys = tuple(sorted(attributes.user.extra))
        name = "*" if attributes.verb == self.verb else attributes.name
        return attributes._replace(user=attributes.user._replace(extra={_NODE_KEYS: keys}), name=name)

    def _question(self, user: User, resource: str, name: str) -> Attributes:
        """About names and groups, which the old way has in the core group."""
        group = _AUTHENTICATION if self.is_constrained else ""
        return Attributes(user, self.verb, group=group, version="v1", resource=resource, name=name)

    def _of_name(self, wanted: Wanted, user: User) -> Attributes:
        if account := account_of(wanted.name):
            return self._question(user, "serviceaccounts", account[1])._replace(namespace=account[0])
        if self.is_constrained and (node := node_of(wanted.name)):
            return self._question(user, "nodes", node)
        return self._question(user, "users", wanted.name)

    def _groups(self, wanted: Wanted, user: User) -> Iterator[Step]:
        any_group = self._question(user, "groups", "")
        if self.is_constrained and "" in wanted.groups:
            raise forbidden(any_group, "impersonating the empty string group is not allowed")
        if self.is_constrained and GROUP_MASTERS in wanted.groups:
            masters = any_group._replace(name=GROUP_MASTERS)
            raise forbidden(masters, "impersonating the system:masters group is not allowed")
        all_groups = any_group._replace(name="*") if self.is_constrained and len(wanted.groups) >= _MANY else None
        yield Step([any_group._replace(name=group) for group in wanted.groups], all_groups)

    def _extra(self, wanted: Wanted, question: Attributes) -> Iterator[Step]:
        if self.is_constrained and (why := _wrong_extra(wanted)):
            raise forbidden(question, why)
        many = len(wanted.extra) >= _MANY or sum(map(len, wanted.extra.values())) >= _MANY
        all_of_it = question._replace(subresource="*", name="*") if self.is_constrained and many else None
        parts = [(key, value) for key, values in wanted.extra.items() for value in values]
        yield Step([question._replace(subresource=key, name=value) for key, value in parts], all_of_it)

    def user(self, wanted: Wanted) -> User:
        """The user that the request is then made as: with the groups that it would have had by logging in."""
        groups = wanted.groups
        if not groups and (account := account_of(wanted.name)):
            groups = service_account_groups(account[0])
        elif self.is_constrained and node_of(wanted.name):
            groups = (GROUP_NODES,)
        lacking = GROUP_UNAUTHENTICATED if wanted.name == ANONYMOUS_USER else GROUP_AUTHENTICATED
        if lacking not in groups and GROUP_UNAUTHENTICATED not in groups:
            groups = (*groups, lacking)
        return User(wanted.name, groups, wanted.uid, wanted.extra)


def _wrong_extra(wanted: Wanted) -> str:
    """What is not allowed of extra, whoever asks."""
    for key, values in wanted.extra.items():
        if not key:
            return "impersonating the empty string key in extra is not allowed"
        if errors := domain_prefixed_path(Path("extra.key"), key):
            return f"impersonating an invalid key in extra is not allowed: {aggregated(errors)}"
        if key != key.lower():
            return f'impersonating a non-lowercase key in extra is not allowed: "{key}"'
        if not values:
            return "impersonating empty values in extra is not allowed"
        if "" in values:
            return "impersonating the empty string value in extra is not allowed"
    return ""


def account_of(name: str) -> tuple[str, str] | None:
    """(namespace, name) of a ServiceAccount that may be called so."""
    account = split_service_account(name)
    return None if account is None or dns_label(account[0]) or dns_subdomain(account[1]) else account


def node_of(name: str) -> str:
    """The node whose user is called so; empty for everybody else."""
    node = name.removeprefix(_NODE) if name.startswith(_NODE) else ""
    return "" if not node or dns_subdomain(node) else node


def _is_own_node(wanted: Wanted, user: User) -> bool:
    is_account = account_of(user.name) is not None
    return wanted.is_bare and is_account and (node_of(wanted.name),) == user.extra.get(_NODE_NAME)


MODES = (
    Mode("associated-node", _is_own_node),
    Mode("arbitrary-node", lambda wanted, user: wanted.is_bare and bool(node_of(wanted.name))),
    Mode("serviceaccount", lambda wanted, user: wanted.is_bare and account_of(wanted.name) is not None),
    Mode("user-info", lambda wanted, user: not node_of(wanted.name) and account_of(wanted.name) is None),
    Mode("", lambda wanted, user: True),
)
