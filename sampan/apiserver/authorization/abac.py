"""Attribute-based access control: a file of policies, one JSON object a line, read once.

Rules: documentation, "Using ABAC Authorization"; k8s.io/kubernetes/pkg/auth/authorizer/abac and pkg/apis/abac, whose
lines without a version are read too. Loaded only where a cluster is told to use it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.apiserver.authentication.user import GROUP_AUTHENTICATED, User
from sampan.apiserver.authorization.attributes import ALLOWED, Attributes, Decision, Verdict
from sampan.apiserver.authorization.authorizer import Known
from sampan.apiserver.authorization.rules import Rule
from sampan.machinery import component_config
from sampan.machinery.component_config import Malformed

_API_VERSION, _KIND = "abac.authorization.kubernetes.io/v1beta1", "Policy"
_OLD = {"user": str, "group": str, "readonly": bool, "resource": str, "namespace": str}
_SPEC = {**_OLD, "apiGroup": str, "nonResourcePath": str}
_READ = ("get", "list", "watch")
_NO = Decision(Verdict.NO_OPINION, "No policy matched.")


class Policy(NamedTuple):
    """One line."""

    user: str = ""
    group: str = ""
    readonly: bool = False
    api_group: str = ""
    resource: str = ""
    namespace: str = ""
    path: str = ""

    def concerns(self, user: User) -> bool:
        """Whether the user is meant: by name and group, where both are given."""
        if self.user and self.user not in ("*", user.name):
            return False
        if self.group and self.group != "*" and self.group not in user.groups:
            return False
        return bool(self.user or self.group)

    def allows(self, attributes: Attributes) -> bool:
        """Whether what is asked for is meant."""
        if self.readonly and attributes.verb not in _READ:
            return False
        if not attributes.is_resource:
            return _matches_path(self.path, attributes.path)
        pairs = (
            (self.namespace, attributes.namespace),
            (self.resource, attributes.resource),
            (self.api_group, attributes.group),
        )
        return all(said in ("*", asked) for said, asked in pairs)


def _matches_path(said: str, path: str) -> bool:
    return said in ("*", path) or (said.endswith("*") and path.startswith(said.rstrip("*")))


class ABAC:
    """One of the chain."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = tuple(policies)

    def decide(self, attributes: Attributes) -> Decision:
        """A yes if any policy says so."""
        concerned = (policy for policy in self._policies if policy.concerns(attributes.user))
        return ALLOWED if any(policy.allows(attributes) for policy in concerned) else _NO

    def known_rules(self, user: User, namespace: str) -> Known:
        """What the policies say of the user."""
        rules = []
        for policy in self._policies:
            if policy.concerns(user) and policy.namespace in ("*", namespace):
                verbs = _READ if policy.readonly else ("*",)
                if policy.resource:
                    rules.append(Rule(verbs, (policy.api_group,), (policy.resource,)))
                if policy.path:
                    rules.append(Rule(verbs, urls=(policy.path,)))
        return Known(rules)


def parse(text: bytes, path: str) -> list[Policy]:
    """The policies of a file. Raises Malformed, which names the line."""
    policies = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(b"#"):
            continue
        try:
            policies.append(_policy(stripped))
        except Malformed as error:
            shown = line.decode(errors="replace")
            raise Malformed(f"error reading policy file {path}, line {number}: {shown}: {error}") from error
    return policies


def _policy(line: bytes) -> Policy:
    tree, _ = component_config.parse(line)
    if (tree.get("apiVersion"), tree.get("kind")) == (_API_VERSION, _KIND):
        fields, _ = component_config.held_to(tree, {"spec": _SPEC})
        return _of_spec(fields.get("spec") or {})
    if "apiVersion" in tree or "kind" in tree:
        raise Malformed(
            f'no kind "{tree.get("kind") or ""}" is registered for version "{tree.get("apiVersion") or ""}"'
        )
    fields, _ = component_config.held_to(tree, _OLD)
    return _of_old(fields)


def _of_spec(spec: Mapping[str, Any]) -> Policy:
    policy = Policy(
        spec.get("user", ""),
        spec.get("group", ""),
        spec.get("readonly", False),
        spec.get("apiGroup", ""),
        spec.get("resource", ""),
        spec.get("namespace", ""),
        spec.get("nonResourcePath", ""),
    )
    return _for_authenticated(policy) if "*" in (policy.user, policy.group) else policy


def _of_old(fields: Mapping[str, Any]) -> Policy:
    """In lines without a version, what is left out means everything."""
    user, group = fields.get("user", ""), fields.get("group", "")
    namespace, resource = fields.get("namespace", ""), fields.get("resource", "")
    path = "" if namespace or resource else "*"
    policy = Policy(user, group, fields.get("readonly", False), "*", resource or "*", namespace or "*", path)
    return _for_authenticated(policy) if "*" in (user, group) or not (user or group) else policy


def _for_authenticated(policy: Policy) -> Policy:
    return policy._replace(user="", group=GROUP_AUTHENTICATED)
