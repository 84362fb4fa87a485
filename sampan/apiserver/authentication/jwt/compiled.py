"""The expressions of one authenticator, compiled, and what is wrong with its mappings and rules.

Rules and texts: k8s.io/apiserver/pkg/apis/apiserver/validation (validateClaimMappings and its like). Called by
validation.py; mapping.py evaluates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sampan.apiserver.authentication.jwt.configuration import (
    ClaimMappings,
    ClaimValidationRule,
    ExtraMapping,
    JWTAuthenticator,
    Mapping,
    UserValidationRule,
)
from sampan.apiserver.authentication.jwt.expressions import Expression, Uncompiled
from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path, duplicate, invalid, required
from sampan.machinery.validation import domain_prefixed_path

_RESERVED = ("kubernetes.io", "k8s.io")
_BOTH = "claim and expression can't both be set"
_NO_PREFIX = "prefix is required when claim is set. It can be set to an empty string to disable prefixing"
_UNVERIFIED = (
    "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression "
    "or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression"
)

Errors = list[FieldError]


@dataclass(slots=True)
class Compiled:
    """The expressions, where there are any."""

    username: Expression | None = None
    groups: Expression | None = None
    uid: Expression | None = None
    extra: list[tuple[str, Expression]] = field(default_factory=list)  # by key
    claim_rules: list[tuple[Expression, str]] = field(default_factory=list)  # with their messages
    user_rules: list[tuple[Expression, str]] = field(default_factory=list)

    @property
    def verifies_email(self) -> bool:
        """Whether anything looks at claims.email_verified."""
        on_claims = [self.username, *(one for _, one in self.extra), *(rule for rule, _ in self.claim_rules)]
        return any(one is not None and one.uses("email_verified") for one in on_claims)


def compiled(authenticator: JWTAuthenticator, path: Path, errors: Errors) -> Compiled:
    """All expressions that are good; what is wrong is added to `errors`."""
    made = Compiled()
    made.claim_rules = _claim_rules(authenticator.claim_validation_rules, path.child("claimValidationRules"), errors)
    _mappings(authenticator.claim_mappings, made, path.child("claimMappings"), errors)
    made.user_rules = _user_rules(authenticator.user_validation_rules, path.child("userValidationRules"), errors)
    return made


def seen(known: set[str], value: str, path: Path) -> Iterator[FieldError]:
    """An error for what is there already."""
    if value in known:
        yield duplicate(path, value)
    known.add(value)


def _expression(text: str, variable: str, path: Path, errors: Errors, *, condition: bool = False) -> Expression | None:
    try:
        return Expression(text, variable, condition=condition)
    except Uncompiled as error:
        errors.append(invalid(path, text, str(error)))
        return None


def _condition(text: str, variable: str, path: Path, known: set[str], errors: Errors) -> Expression | None:
    """A rule's expression, which may be there once."""
    repeated = list(seen(known, text, path))
    errors += repeated
    return None if repeated else _expression(text, variable, path, errors, condition=True)


def _claim_rules(rules: Sequence[ClaimValidationRule], path: Path, errors: Errors) -> list[tuple[Expression, str]]:
    claims, texts, found = set[str](), set[str](), []
    for at, rule in enumerate(rules):
        place = path.index(at)
        if rule.claim and rule.expression:
            errors.append(invalid(place, rule.claim, _BOTH))
        elif not rule.claim and not rule.expression:
            errors.append(required(place, "claim or expression is required"))
        elif rule.claim:
            if rule.message:
                errors.append(invalid(place.child("message"), rule.message, "may not be specified when claim is set"))
            errors += seen(claims, rule.claim, place.child("claim"))
        else:
            if value := rule.required_value:
                detail = "may not be specified when expression is set"
                errors.append(invalid(place.child("requiredValue"), value, detail))
            if made := _condition(rule.expression, "claims", place.child("expression"), texts, errors):
                found.append((made, rule.message))
    return found


def _user_rules(rules: Sequence[UserValidationRule], path: Path, errors: Errors) -> list[tuple[Expression, str]]:
    texts, found = set[str](), []
    for at, rule in enumerate(rules):
        place = path.index(at).child("expression")
        if not rule.expression:
            errors.append(required(place))
        elif made := _condition(rule.expression, "user", place, texts, errors):
            found.append((made, rule.message))
    return found


def _mappings(mappings: ClaimMappings, made: Compiled, path: Path, errors: Errors) -> None:
    before = len(errors)
    made.username = _mapping(mappings.username, path.child("username"), errors, needed=True)
    is_sound = len(errors) == before
    made.groups = _mapping(mappings.groups, path.child("groups"), errors)
    uid = path.child("uid")
    if mappings.uid.claim and mappings.uid.expression:
        errors.append(invalid(uid, "", _BOTH))
    elif mappings.uid.expression:
        made.uid = _expression(mappings.uid.expression, "claims", uid.child("expression"), errors)
    made.extra = _extra(mappings.extra, path.child("extra"), errors)
    if is_sound and made.username and made.username.uses("email") and not made.verifies_email:
        errors.append(invalid(path.child("username", "expression"), mappings.username.expression, _UNVERIFIED))


def _mapping(mapping: Mapping, path: Path, errors: Errors, *, needed: bool = False) -> Expression | None:
    if mapping.expression and mapping.claim:
        errors.append(invalid(path, "", _BOTH))
    elif mapping.expression:
        if mapping.prefix is not None:
            detail = "may not be specified when expression is set"
            errors.append(invalid(path.child("prefix"), mapping.prefix, detail))
        return _expression(mapping.expression, "claims", path.child("expression"), errors)
    elif mapping.claim and mapping.prefix is None:
        errors.append(required(path.child("prefix"), _NO_PREFIX))
    elif not mapping.claim and needed:
        errors.append(required(path, "claim or expression is required"))
    return None


def _extra(extra: Sequence[ExtraMapping], path: Path, errors: Errors) -> list[tuple[str, Expression]]:
    known, found = set[str](), []
    for at, one in enumerate(extra):
        place = path.index(at)
        errors += _extra_key(one.key, place.child("key"))
        repeated = list(seen(known, one.key, place.child("key")))
        errors += repeated
        if repeated:
            continue
        if not one.value_expression:
            errors.append(required(place.child("valueExpression")))
        elif made := _expression(one.value_expression, "claims", place.child("valueExpression"), errors):
            found.append((one.key, made))
    return found


def _extra_key(key: str, path: Path) -> Iterator[FieldError]:
    yield from domain_prefixed_path(path, key)
    if key != key.lower():
        yield invalid(path, key, "must be lowercase")
    domain = key.partition("/")[0] if "/" in key else ""
    if any(domain == reserved or domain.endswith(f".{reserved}") for reserved in _RESERVED):
        yield invalid(path, key, "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use")
