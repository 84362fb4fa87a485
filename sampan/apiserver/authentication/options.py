"""What the API server is told about authentication, under the names of kube-apiserver's flags, and read from its files.

`load` is for the start, and for `sampan up`, which refuses what can't be. Rules and texts:
k8s.io/kubernetes/pkg/kubeapiserver/options (authentication.go), pkg/server/options. Called by setup.py and cluster/.
A user by name and password is to be a file and a line in setup.py, like any other way in.
"""

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sampan.apiserver.authentication.anonymous import Anonymous
from sampan.apiserver.authentication.jwt import configuration as oidc
from sampan.apiserver.authentication.user import User, authenticated
from sampan.apiserver.flag_values import OptionsError, duration, read_file
from sampan.client import kubeconfig
from sampan.machinery.component_config import Malformed

log = logging.getLogger(__name__)

_VERSIONS = ("v1", "v1beta1")
_OIDC = ("issuer_url", "client_id", "ca_file", "username_prefix", "groups_claim", "groups_prefix", "required_claim")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationOptions:
    """One field for each flag; files are paths, durations texts."""

    anonymous_auth: bool | None = None
    api_audiences: Sequence[str] = ()
    authentication_config: str = ""
    authentication_token_webhook_cache_ttl: str = "2m"
    authentication_token_webhook_config_file: str = ""
    authentication_token_webhook_version: str = "v1beta1"
    enable_bootstrap_token_auth: bool = True
    oidc_ca_file: str = ""
    oidc_client_id: str = ""
    oidc_groups_claim: str = ""
    oidc_groups_prefix: str = ""
    oidc_issuer_url: str = ""
    oidc_required_claim: Sequence[str] = ()  # each key=value
    oidc_signing_algs: Sequence[str] = ("RS256",)
    oidc_username_claim: str = "sub"
    oidc_username_prefix: str = ""
    service_account_extend_token_expiration: bool = True
    service_account_issuer: Sequence[str] = ()
    service_account_jwks_uri: str = ""
    service_account_key_file: Sequence[str] = ()
    service_account_max_token_expiration: str = "0s"
    token_auth_file: str = ""


class Webhook(NamedTuple):
    """Who is asked about bearer tokens."""

    access: kubeconfig.Access
    version: str
    cache_ttl: float  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """All that the options lead to, ready to be used."""

    anonymous: Anonymous = Anonymous()  # noqa: RUF009 - frozen
    tokens: Mapping[str, User] = field(default_factory=dict)
    jwt: oidc.AuthenticationConfiguration | None = None
    jwt_file: Path | None = None  # to be followed
    jwt_text: bytes = b""
    algorithms: Sequence[str] = ()
    webhook: Webhook | None = None
    verifiers: Sequence[bytes] = ()  # PEM of keys whose tokens are ServiceAccounts'
    max_expiration: float = 0.0  # seconds of a ServiceAccount's token; 0: no limit


def load(options: AuthenticationOptions) -> Loaded:
    """Raises OptionsError. What an AuthenticationConfiguration says is not judged yet."""
    text = read_file("authentication-config", options.authentication_config)
    configuration = _configuration(options, text)
    return Loaded(
        anonymous=_anonymous(options, configuration),
        tokens=_static_tokens(options.token_auth_file),
        jwt=configuration,
        jwt_file=Path(options.authentication_config) if options.authentication_config else None,
        jwt_text=text,
        algorithms=oidc.ALGORITHMS if options.authentication_config else _algorithms(options),
        webhook=_webhook(options),
        verifiers=[read_file("service-account-key-file", name) for name in options.service_account_key_file],
        max_expiration=duration("service-account-max-token-expiration", options.service_account_max_token_expiration),
    )


def _configuration(options: AuthenticationOptions, text: bytes) -> oidc.AuthenticationConfiguration | None:
    """Of the file or of the flags, which exclude each other; None where there is neither."""
    by_flags = any(getattr(options, f"oidc_{name}") for name in _OIDC)
    if options.authentication_config:
        if by_flags:
            raise OptionsError("authentication-config file and oidc-* flags are mutually exclusive")
        from sampan.apiserver.authentication.jwt.config_file import parse

        try:
            return parse(text)
        except Malformed as error:
            path = options.authentication_config
            raise OptionsError(f'failed to load authentication configuration from file "{path}": {error}') from error
    if not by_flags:
        return None
    if not options.oidc_issuer_url or not options.oidc_client_id:
        raise OptionsError(
            "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"
        )
    return oidc.AuthenticationConfiguration((_of_flags(options),))


def _of_flags(options: AuthenticationOptions) -> oidc.JWTAuthenticator:
    prefix = options.oidc_username_prefix
    if not prefix and options.oidc_username_claim != "email":
        prefix = f"{options.oidc_issuer_url}#"
    groups = oidc.Mapping()
    if options.oidc_groups_claim:
        groups = oidc.Mapping(options.oidc_groups_claim, options.oidc_groups_prefix)
    required = [rule.partition("=") for rule in options.oidc_required_claim]
    if any(not separator for _, separator, _ in required):
        raise OptionsError("oidc-required-claim: key=value is expected")
    return oidc.JWTAuthenticator(
        oidc.Issuer(
            url=options.oidc_issuer_url,
            audiences=(options.oidc_client_id,),
            certificate_authority=read_file("oidc-ca-file", options.oidc_ca_file).decode(errors="replace"),
        ),
        tuple(oidc.ClaimValidationRule(claim, value) for claim, _, value in required),
        oidc.ClaimMappings(oidc.Mapping(options.oidc_username_claim, "" if prefix == "-" else prefix), groups),
    )


def _algorithms(options: AuthenticationOptions) -> Sequence[str]:
    for name in options.oidc_signing_algs:
        if name not in oidc.ALGORITHMS:
            raise OptionsError(f'oidc: unsupported signing alg: "{name}"')
    return options.oidc_signing_algs


def _anonymous(options: AuthenticationOptions, configuration: oidc.AuthenticationConfiguration | None) -> Anonymous:
    configured = configuration.anonymous if configuration else None
    if configured is None:
        return Anonymous(options.anonymous_auth is not False)
    if options.anonymous_auth is not None:
        why = "cannot be set when anonymous field is configured in authentication configuration file"
        raise OptionsError(f"anonymous: Forbidden: --anonymous-auth flag {why}")
    return Anonymous(configured.enabled, frozenset(configured.paths))


def _static_tokens(path: str) -> dict[str, User]:
    """The file of --token-auth-file: token, user name, uid, and perhaps groups."""
    found: dict[str, User] = {}
    text = read_file("token-auth-file", path).decode(errors="replace")
    for number, record in enumerate(csv.reader(text.splitlines(), strict=True), 1):
        if not record:
            continue
        if len(record) < 3:
            least = "must have at least 3 columns (token, user name, user uid)"
            raise OptionsError(f"token file '{path}' {least}, found {len(record)}")
        token, name, uid, *groups = record
        if not token:
            log.warning("empty token has been found in token file '%s', record number '%d'", path, number)
            continue
        if token in found:
            log.warning("duplicate token has been found in token file '%s', record number '%d'", path, number)
        found[token] = authenticated(name, tuple(groups[0].split(",")) if groups else (), uid)
    return found


def _webhook(options: AuthenticationOptions) -> Webhook | None:
    path, version = options.authentication_token_webhook_config_file, options.authentication_token_webhook_version
    if not path:
        return None
    if version not in _VERSIONS:
        supported = '"v1", "v1beta1"'
        raise OptionsError(
            f'unsupported authentication webhook version "{version}", supported versions are {supported}'
        )
    try:
        access = kubeconfig.load([Path(path)])
    except kubeconfig.KubeconfigError as error:
        raise OptionsError(f"--authentication-token-webhook-config-file: {error}") from error
    if not access.server:
        raise OptionsError(f"--authentication-token-webhook-config-file: {path}: the cluster has no server")
    name = "authentication-token-webhook-cache-ttl"
    return Webhook(access, version, duration(name, options.authentication_token_webhook_cache_ttl))
