"""Authorization as `sampan up` was told, flag by flag: kept in cluster.json, given to the API server.

Called when a cluster is settled, to refuse what can't be, and when its API server is made.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sampan.apiserver.authorization.options import AuthorizationOptions, load
from sampan.apiserver.flag_values import OptionsError
from sampan.cluster.config import ClusterConfig

_FILES = ("authorization_config", "authorization_policy_file", "authorization_webhook_config_file")


class AuthorizationError(Exception):
    """A flag or a file asks for what can't be; the message says which and why."""


def merged(kept: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be kept: files by their whole names, for the server runs elsewhere; None takes back what was said."""
    files = {field: str(Path(given[field]).absolute()) for field in _FILES if given.get(field)}
    return {field: value for field, value in {**kept, **given, **files}.items() if value is not None}


def options_of(config: ClusterConfig) -> AuthorizationOptions:
    """What the API server is told."""
    return AuthorizationOptions(**config.authorization)


def check(config: ClusterConfig) -> None:
    """Raises AuthorizationError. Nobody is asked yet."""
    try:
        load(options_of(config))
    except OptionsError as error:
        raise AuthorizationError(str(error)) from error
