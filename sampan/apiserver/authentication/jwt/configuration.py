"""What an AuthenticationConfiguration says, as values. Pure.

Fields: k8s.io/apiserver/pkg/apis/apiserver (types.go); documentation, "Structured Authentication Configuration".
"""

from dataclasses import dataclass

MATCH_ANY = "MatchAny"
ALGORITHMS = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues tokens, for whom, and how it is reached."""

    url: str = ""
    discovery_url: str = ""  # where its metadata are, other than below `url`
    certificate_authority: str = ""  # PEM; "" trusts the machine's
    audiences: tuple[str, ...] = ()
    audience_match_policy: str = ""
    egress_selector_type: str = ""


@dataclass(frozen=True, slots=True)
class ClaimValidationRule:
    """What has to hold for the claims: a value of one, or an expression."""

    claim: str = ""
    required_value: str = ""
    expression: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class UserValidationRule:
    """What has to hold for the user that has been made."""

    expression: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where a part of the user comes from: a claim, with a prefix, or an expression."""

    claim: str = ""
    prefix: str | None = None
    expression: str = ""


@dataclass(frozen=True, slots=True)
class ExtraMapping:
    """An entry of the user's extra."""

    key: str = ""
    value_expression: str = ""


@dataclass(frozen=True, slots=True)
class ClaimMappings:
    """How claims become a user."""

    username: Mapping = Mapping()
    groups: Mapping = Mapping()
    uid: Mapping = Mapping()
    extra: tuple[ExtraMapping, ...] = ()


@dataclass(frozen=True, slots=True)
class JWTAuthenticator:
    """One issuer, and what its tokens mean."""

    issuer: Issuer
    claim_validation_rules: tuple[ClaimValidationRule, ...] = ()
    claim_mappings: ClaimMappings = ClaimMappings()
    user_validation_rules: tuple[UserValidationRule, ...] = ()


@dataclass(frozen=True, slots=True)
class AnonymousConfiguration:
    """Whether anonymous requests are served, and at which paths (none: all)."""

    enabled: bool
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthenticationConfiguration:
    """The whole; `anonymous` None leaves that to the flag."""

    jwt: tuple[JWTAuthenticator, ...] = ()
    anonymous: AnonymousConfiguration | None = None
