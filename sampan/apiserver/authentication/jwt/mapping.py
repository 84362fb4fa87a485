"""From the claims of a good token to a user, by claims and prefixes or by expressions. Pure.

Rules and texts: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc (AuthenticateToken and what it calls). Called by
authenticator.py.
"""

from collections.abc import Mapping as Tree
from collections.abc import Sequence
from typing import Any

from sampan.apiserver.authentication.attempt import Refused
from sampan.apiserver.authentication.jwt.compiled import Compiled
from sampan.apiserver.authentication.jwt.configuration import JWTAuthenticator
from sampan.apiserver.authentication.jwt.expressions import Expression, Failed, Unescaping, value_of
from sampan.apiserver.authentication.user import CREDENTIAL_ID, User, authenticated
from sampan.machinery.scalars import json_name

Claims = Tree[str, Any]
_STRINGS = "expression must return a string or a list of strings"


def user_of(claims: Claims, authenticator: JWTAuthenticator, compiled: Compiled, budget: int) -> User:
    """The user that the claims make, if every rule holds. Raises Refused, TooExpensive."""
    making = _Making(claims, authenticator, compiled, budget)
    name, groups, uid, extra = making.username(), making.groups(), making.uid(), making.extra()
    making.check_claims()
    making.check_user(name, groups, uid, extra)
    return authenticated(name, tuple(groups), uid, {key: tuple(values) for key, values in extra.items()})


class _Making:
    """One token's claims, and what its issuer is configured with."""

    def __init__(self, claims: Claims, authenticator: JWTAuthenticator, compiled: Compiled, budget: int) -> None:
        self._claims, self._compiled, self._budget = claims, compiled, budget
        self._mappings, self._rules = authenticator.claim_mappings, authenticator.claim_validation_rules
        self._value = value_of(claims)

    def username(self) -> str:
        if self._compiled.username is not None:
            name = self._evaluate(self._compiled.username, "username claim")
            if not isinstance(name, str):
                raise Refused(
                    "oidc: error evaluating username claim expression: username claim expression must return a string"
                )
            if not name:
                raise Refused("oidc: empty username via CEL expression is not allowed")
            return name
        mapping = self._mappings.username
        name = _text(self._claims, mapping.claim, f'parse username claims "{mapping.claim}"')
        if mapping.claim == "email":
            _check_email(self._claims)
        return (mapping.prefix or "") + name

    def groups(self) -> Sequence[str]:
        mapping = self._mappings.groups
        if mapping.claim and mapping.claim in self._claims:
            found = _texts(self._claims[mapping.claim], f'parse groups claim "{mapping.claim}"')
            return [(mapping.prefix or "") + group for group in found]
        if self._compiled.groups is None:
            return []
        return _strings(self._evaluate(self._compiled.groups, "group claim"), "group claim expression")

    def uid(self) -> str:
        if claim := self._mappings.uid.claim:
            return _text(self._claims, claim, f'parse uid claim "{claim}"')
        if self._compiled.uid is None:
            return ""
        uid = self._evaluate(self._compiled.uid, "uid claim")
        if not isinstance(uid, str):
            raise Refused("oidc: error evaluating uid claim expression: uid claim expression must return a string")
        return uid

    def extra(self) -> dict[str, Sequence[str]]:
        found: dict[str, Sequence[str]] = {}
        if isinstance(jti := self._claims.get("jti"), str) and jti:
            found[CREDENTIAL_ID] = (f"JTI={jti}",)
        for key, expression in self._compiled.extra:
            try:
                made = expression.evaluate(self._value, self._budget)
            except Failed as error:
                raise Refused(str(error)) from None
            if values := _strings(made, f"extra claim expression: {expression.text}"):
                found[key] = values
        return found

    def check_claims(self) -> None:
        for rule in self._rules:
            if rule.claim:
                self._check_required(rule.claim, rule.required_value)
        self._hold(self._compiled.claim_rules, self._value, "claim validation expression")

    def check_user(self, name: str, groups: Sequence[str], uid: str, extra: Tree[str, Sequence[str]]) -> None:
        user = {"username": name, "uid": uid, "groups": list(groups), "extra": extra}
        self._hold(self._compiled.user_rules, value_of(user), "user info validation rule")

    def _check_required(self, claim: str, wanted: str) -> None:
        if claim not in self._claims:
            raise Refused(f"oidc: required claim {claim} not present in ID token")
        value = _text(self._claims, claim, f"parse claim {claim}")
        if value != wanted:
            raise Refused(f"oidc: required claim {claim} value does not match. Got = {value}, want = {wanted}")

    def _hold(self, rules: Sequence[tuple[Expression, str]], value: Unescaping, what: str) -> None:
        for expression, message in rules:
            try:
                holds = expression.evaluate(value, self._budget)
            except Failed as error:
                raise Refused(f"oidc: error evaluating {what}: {error}") from None
            if holds is not True:
                raise Refused(
                    f"oidc: error evaluating {what}: validation expression '{expression.text}' failed: {message}"
                )

    def _evaluate(self, expression: Expression, what: str) -> Any:
        try:
            return expression.evaluate(self._value, self._budget)
        except Failed as error:
            raise Refused(f"oidc: error evaluating {what} expression: {error}") from None


def _check_email(claims: Claims) -> None:
    """OpenID Connect Core 1.0, section 5.1."""
    if "email_verified" not in claims:
        return
    verified = claims["email_verified"]
    if verified is not None and not isinstance(verified, bool):
        raise Refused(f"oidc: parse 'email_verified' claim: {_mismatch(verified, 'bool')}")
    if not verified:
        raise Refused("oidc: email not verified")


def _text(claims: Claims, claim: str, what: str) -> str:
    if claim not in claims:
        raise Refused(f"oidc: {what}: claim not present")
    value = claims[claim]
    if value is None:  # as Go reads null
        return ""
    if not isinstance(value, str):
        raise Refused(f"oidc: {what}: {_mismatch(value, 'string')}")
    return value


def _texts(value: Any, what: str) -> Sequence[str]:
    """A list of texts, or one."""
    if value is None:
        return []
    if isinstance(value, list) and all(item is None or isinstance(item, str) for item in value):
        return [item or "" for item in value]
    if isinstance(value, str):
        return [value]
    raise Refused(f"oidc: {what}: {_mismatch(value, 'string')}")


def _mismatch(value: Any, wanted: str) -> str:
    return f"json: cannot unmarshal {json_name(value)} into Go value of type {wanted}"


def _strings(value: Any, what: str) -> Sequence[str]:
    """What an expression has made, as a list of texts that are not empty."""
    if value is None:
        return []
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise Refused(f"oidc: error evaluating {what}: {_STRINGS}")
    return [item for item in items if item]
