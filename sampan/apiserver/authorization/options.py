"""What the API server is told about authorization, under the names of kube-apiserver's flags, and read from its files.

`load` is for the start, and for `sampan up`, which refuses what can't be. Unlike upstream's, the default is what every
installer says: Node,RBAC. Rules and texts: k8s.io/kubernetes/pkg/kubeapiserver/options (authorization.go).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sampan.apiserver.authorization.structured.configuration import (
    ABAC,
    KUBECONFIG_FILE,
    MODES,
    NO_OPINION,
    NODE,
    RBAC,
    WEBHOOK,
    AuthorizationConfiguration,
    AuthorizerConfiguration,
    WebhookConfiguration,
    name_of_mode,
)
from sampan.apiserver.flag_values import OptionsError, duration, read_file
from sampan.client import kubeconfig
from sampan.machinery.component_config import Malformed

if TYPE_CHECKING:
    from sampan.apiserver.authorization.abac import Policy

_DEFAULT = (NODE, RBAC)
_OF_FLAGS = "default"  # the webhook of flags is called so
_TIMEOUT = 30.0  # seconds that it has


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationOptions:
    """One field for each flag; files are paths, durations texts. None is what was not said."""

    authorization_mode: Sequence[str] | None = None
    authorization_config: str = ""
    authorization_policy_file: str = ""
    authorization_webhook_config_file: str = ""
    authorization_webhook_version: str | None = None
    authorization_webhook_cache_authorized_ttl: str | None = None
    authorization_webhook_cache_unauthorized_ttl: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The options with what is in their files. A configuration of a file is not judged yet."""

    configuration: AuthorizationConfiguration
    file: Path | None = None
    text: bytes = b""
    policies: "Sequence[Policy]" = ()
    accesses: Mapping[str, kubeconfig.Access]  # by the kubeconfig file of a webhook


def load(options: AuthorizationOptions) -> Loaded:
    """Raises OptionsError."""
    if options.authorization_config:
        return _of_file(options)
    modes = _DEFAULT if options.authorization_mode is None else tuple(options.authorization_mode)
    if faults := list(_faults(options, modes)):
        raise OptionsError(faults[0])
    configuration = AuthorizationConfiguration(tuple(_authorizer(options, mode) for mode in modes))
    return Loaded(
        configuration=configuration, policies=_policies(options), accesses=accesses(configuration, OptionsError)
    )


def _of_file(options: AuthorizationOptions) -> Loaded:
    path = options.authorization_config
    if any(_flags(options)):
        other = "--authorization-mode or --authorization-webhook-* flags are defined"
        raise OptionsError(f"--authorization-config can not be specified when {other}")
    from sampan.apiserver.authorization.structured.config_file import parse
    from sampan.apiserver.authorization.structured.validation import Unusable, check

    text = read_file("authorization-config", path)
    try:
        configuration = parse(text)
        check(configuration)
    except (Malformed, Unusable) as error:
        prefix = "failed to load AuthorizationConfiguration from file: " if isinstance(error, Malformed) else ""
        raise OptionsError(f"--authorization-config: {prefix}{error}") from error
    return Loaded(
        configuration=configuration,
        file=Path(path),
        text=text,
        policies=_policies(options),
        accesses=accesses(configuration, OptionsError),
    )


def _flags(options: AuthorizationOptions) -> Sequence[object]:
    """Those that a file takes the place of."""
    return (
        options.authorization_mode,
        options.authorization_webhook_config_file,
        options.authorization_webhook_version,
        options.authorization_webhook_cache_authorized_ttl,
        options.authorization_webhook_cache_unauthorized_ttl,
    )


def _faults(options: AuthorizationOptions, modes: Sequence[str]) -> Sequence[str]:
    faults = [f'authorization-mode "{mode}" is not a valid mode' for mode in modes if mode not in MODES]
    if not modes:
        faults.append("at least one authorization-mode must be passed")
    if ABAC in modes and not options.authorization_policy_file:
        faults.append("authorization-mode ABAC's authorization policy file not passed")
    if WEBHOOK in modes and not options.authorization_webhook_config_file:
        faults.append("authorization-mode Webhook's authorization config file not passed")
    if options.authorization_policy_file and ABAC not in modes:
        faults.append("cannot specify --authorization-policy-file without mode ABAC")
    if options.authorization_webhook_config_file and WEBHOOK not in modes:
        faults.append("cannot specify --authorization-webhook-config-file without mode Webhook")
    if len(set(modes)) != len(modes):
        shown = " ".join(f'"{mode}"' for mode in modes)
        faults.append(f"authorization-mode [{shown}] has mode specified more than once")
    return faults


def _authorizer(options: AuthorizationOptions, mode: str) -> AuthorizerConfiguration:
    if mode != WEBHOOK:
        return AuthorizerConfiguration(mode, name_of_mode(mode))
    version = options.authorization_webhook_version or "v1beta1"
    if version not in ("v1", "v1beta1"):
        supported = 'supported versions are "v1", "v1beta1"'
        raise OptionsError(f'unsupported webhook authorizer version "{version}", {supported}')
    yes, no = options.authorization_webhook_cache_authorized_ttl, options.authorization_webhook_cache_unauthorized_ttl
    webhook = WebhookConfiguration(
        authorized_ttl=duration("authorization-webhook-cache-authorized-ttl", yes or "5m0s"),
        unauthorized_ttl=duration("authorization-webhook-cache-unauthorized-ttl", no or "30s"),
        timeout=_TIMEOUT,
        version=version,
        failure_policy=NO_OPINION,
        connection=KUBECONFIG_FILE,
        kubeconfig=options.authorization_webhook_config_file,
    )
    return AuthorizerConfiguration(WEBHOOK, _OF_FLAGS, webhook)


def _policies(options: AuthorizationOptions) -> "Sequence[Policy]":
    path = options.authorization_policy_file
    if not path:
        return ()
    from sampan.apiserver.authorization.abac import parse

    try:
        return parse(read_file("authorization-policy-file", path), path)
    except Malformed as error:
        raise OptionsError(str(error)) from error


def accesses(configuration: AuthorizationConfiguration, fault: type[ValueError]) -> dict[str, kubeconfig.Access]:
    """How to reach each webhook. Raises `fault`."""
    found: dict[str, kubeconfig.Access] = {}
    for authorizer in configuration.authorizers:
        if authorizer.webhook is None:
            continue
        if (file := authorizer.webhook.kubeconfig) is None:
            raise fault(f"{authorizer.name}: an API server can't authorize by itself: InClusterConfig")
        try:
            found[file] = kubeconfig.load([Path(file)])
        except kubeconfig.KubeconfigError as error:
            raise fault(f"{file}: {error}") from error
        if not found[file].server:
            raise fault(f"{file}: the cluster has no server")
    return found
