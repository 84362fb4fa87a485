"""Authentication as `sampan up` was told, flag by flag: kept in cluster.json, given to the API server.

Called when a cluster is settled, to refuse what can't be, and when its API server is made.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sampan.apiserver.authentication.options import AuthenticationOptions, load
from sampan.apiserver.flag_values import OptionsError
from sampan.cluster.config import ClusterConfig

_FILES = ("authentication_config", "authentication_token_webhook_config_file", "oidc_ca_file", "token_auth_file")


class AuthenticationError(Exception):
    """A flag or a file asks for what can't be; the message says which and why."""


def merged(kept: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be kept: files by their whole names, for the server runs elsewhere; None takes back what was said."""
    found = {**kept, **given}
    for field in _FILES:
        if given.get(field):
            found[field] = str(Path(given[field]).absolute())
    if names := given.get("service_account_key_file"):
        found["service_account_key_file"] = [str(Path(name).absolute()) for name in names]
    return {field: value for field, value in found.items() if value is not None}


def options_of(config: ClusterConfig) -> AuthenticationOptions:
    """What the API server is told."""
    return AuthenticationOptions(**config.authentication)


def check(config: ClusterConfig) -> None:
    """Raises AuthenticationError. Nobody is asked yet."""
    try:
        loaded = load(options_of(config))
    except OptionsError as error:
        raise AuthenticationError(str(error)) from error
    if loaded.jwt is None:
        return
    from sampan.apiserver.authentication.jwt.validation import validate

    _, errors = validate(loaded.jwt)
    if errors:
        raise AuthenticationError("invalid authentication configuration: " + ", ".join(map(str, errors)))
