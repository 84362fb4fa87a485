"""The flags of `sampan up` that say who may be whom: kube-apiserver's, by their names there.

They go to cluster/authentication.py as they are given. Called by up.py.
"""

import argparse
from typing import Any, NamedTuple

from sampan.cli.common import truth

_FILE, _TEXT, _DURATION, _LIST, _MANY, _TRUTH = "FILE", "TEXT", "DURATION", "LIST", "VALUE", "true|false"


class _Flag(NamedTuple):
    name: str
    kind: str  # _LIST is separated by commas, _MANY given once for each value
    help: str


_FLAGS = (
    _Flag("anonymous-auth", _TRUTH, "whether requests without credentials are served (default: true)"),
    _Flag("api-audiences", _LIST, "for whom tokens must be meant (default: the issuer of ServiceAccount tokens)"),
    _Flag("authentication-config", _FILE, "an AuthenticationConfiguration: OpenID Connect issuers, anonymous requests"),
    _Flag("authentication-token-webhook-cache-ttl", _DURATION, "how long its answers are kept (default: 2m)"),
    _Flag("authentication-token-webhook-config-file", _FILE, "a kubeconfig of who is asked about bearer tokens"),
    _Flag("authentication-token-webhook-version", _TEXT, "of the TokenReviews it is sent: v1beta1 (default) or v1"),
    _Flag("enable-bootstrap-token-auth", _TRUTH, "whether bootstrap tokens are credentials (default: true)"),
    _Flag("oidc-ca-file", _FILE, "who signs the certificate of the OpenID Connect issuer"),
    _Flag("oidc-client-id", _TEXT, "for whom its tokens must be meant"),
    _Flag("oidc-groups-claim", _TEXT, "the claim that has the user's groups"),
    _Flag("oidc-groups-prefix", _TEXT, "in front of each of them"),
    _Flag("oidc-issuer-url", _TEXT, "an OpenID Connect issuer whose tokens are good"),
    _Flag("oidc-required-claim", _MANY, "key=value that a token must have"),
    _Flag("oidc-signing-algs", _LIST, "by which tokens may be signed (default: RS256)"),
    _Flag("oidc-username-claim", _TEXT, "the claim that has the user's name (default: sub)"),
    _Flag("oidc-username-prefix", _TEXT, "in front of it (default: the issuer and #; - for none)"),
    _Flag("service-account-extend-token-expiration", _TRUTH, "whether pods' own tokens live a year (default: true)"),
    _Flag("service-account-issuer", _MANY, "who issues tokens of ServiceAccounts; further ones are believed"),
    _Flag("service-account-jwks-uri", _TEXT, "where others find the keys of that issuer"),
    _Flag("service-account-key-file", _MANY, "PEM of further keys whose ServiceAccount tokens are good"),
    _Flag("service-account-max-token-expiration", _DURATION, "how long such tokens live at most"),
    _Flag("token-auth-file", _FILE, 'bearer tokens with their users: token,name,uid,"groups"'),
)


def add_authentication(command: argparse.ArgumentParser) -> None:
    """Add them all."""
    group = command.add_argument_group("authentication", "as kube-apiserver's; '' takes back what was said before")
    for flag in _FLAGS:
        shown: dict[str, Any] = {"help": flag.help, "metavar": flag.kind, "default": None}
        if flag.kind == _TRUTH:
            group.add_argument(f"--{flag.name}", nargs="?", const=True, type=truth, **shown)
        elif flag.kind == _MANY:
            group.add_argument(f"--{flag.name}", action="append", **shown)
        else:
            group.add_argument(f"--{flag.name}", **shown)


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given, by field of AuthenticationOptions; None for what is taken back."""
    found: dict[str, Any] = {}
    for flag in _FLAGS:
        field = flag.name.replace("-", "_")
        value = getattr(arguments, field)
        if value is None:
            continue
        if flag.kind == _LIST:
            value = [word for part in value.split(",") if (word := part.strip())]
        elif flag.kind == _MANY:
            value = [word for word in value if word]
        found[field] = None if value in ("", []) else value
    return found
