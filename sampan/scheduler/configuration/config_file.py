"""The file of --scheduler-config, read and refused as kube-scheduler reads that of its --config.

What there is one process and one flag for has no meaning here, and is checked only: leaderElection (this scheduler is
the cluster's only one), clientConnection (it is in the API server's process), parallelism (a decision is one piece of
work; memo.py makes it short), enableProfiling and enableContentionProfiling, delayCacheUntilActive.
Sources: cmd/kube-scheduler/app/options/configfile.go; k8s.io/kube-scheduler/config/v1/types.go.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sampan.machinery.aggregate import aggregated
from sampan.machinery.component_config import ANYTHING, Malformed, check_kind, held_to, parse
from sampan.machinery.paths import ROOT
from sampan.scheduler.configuration.argument_errors import argument_errors
from sampan.scheduler.configuration.arguments import DEFAULT_ARGUMENTS, FIT, GROUP, SHAPES, VERSION, decoded, whole
from sampan.scheduler.configuration.configuration import Configuration, ProfileConfiguration
from sampan.scheduler.configuration.defaults import with_default_fields
from sampan.scheduler.configuration.extender import SHAPE as EXTENDER
from sampan.scheduler.configuration.extender import ExtenderConfiguration, extender_of
from sampan.scheduler.configuration.merging import MULTI_POINT, Enabled, PluginSet, ProfileError, expanded
from sampan.scheduler.configuration.merging import with_defaults as with_default_plugins
from sampan.scheduler.configuration.points import POINTS
from sampan.scheduler.configuration.validation import errors_of

KIND = "KubeSchedulerConfiguration"

_PLUGIN_SET = {"enabled": [{"name": str, "weight": int}], "disabled": [{"name": str, "weight": int}]}
_PROFILE = {
    "schedulerName": str,
    "percentageOfNodesToScore": int,
    "plugins": dict.fromkeys((*POINTS, MULTI_POINT), _PLUGIN_SET),
    "pluginConfig": [{"name": str, "args": ANYTHING}],
}
_LEADER_ELECTION = {
    "leaderElect": bool,
    **dict.fromkeys(("leaseDuration", "renewDeadline", "retryPeriod"), str),
    **dict.fromkeys(("resourceLock", "resourceName", "resourceNamespace"), str),
}
_CLIENT_CONNECTION = {"kubeconfig": str, "acceptContentTypes": str, "contentType": str, "qps": float, "burst": int}
_SHAPE: Mapping[str, Any] = {
    "parallelism": int,
    "leaderElection": _LEADER_ELECTION,
    "clientConnection": _CLIENT_CONNECTION,
    "enableProfiling": bool,
    "enableContentionProfiling": bool,
    "percentageOfNodesToScore": int,
    "podInitialBackoffSeconds": int,
    "podMaxBackoffSeconds": int,
    "profiles": [_PROFILE],
    "extenders": [EXTENDER],
    "delayCacheUntilActive": bool,
}
# The numbers of 64 bits; others have 32.
_LONG = re.compile(
    r"pod(Initial|Max)BackoffSeconds|bindTimeoutSeconds|(scoringStrategy\.)?resources\[\d+\]\.weight"
    r"|extenders\[\d+\]\.weight"
)


class ConfigFileError(ValueError):
    """The file can't be used; str() names it and says why, in upstream's words."""


def read(path: Path) -> Configuration:
    """The configuration in a file. Raises ConfigFileError."""
    try:
        return configuration(path.read_bytes(), path.parent)
    except OSError as error:
        raise ConfigFileError(f"open {path}: {(error.strerror or str(error)).lower()}") from error
    except (Malformed, ProfileError) as error:
        raise ConfigFileError(f"{path}: {error}") from error


def configuration(text: bytes, directory: Path = Path()) -> Configuration:
    """The configuration in a text; other files are named relative to `directory`. Raises Malformed, ProfileError."""
    fields = with_default_fields(_decoded(text))
    if errors := aggregated(errors_of(fields)):
        raise Malformed(errors)
    extenders = tuple(extender_of(one, directory) for one in fields.get("extenders") or ())
    return Configuration(
        profiles=tuple(_profile(one, fields, _ignored(extenders)) for one in fields["profiles"]),
        extenders=extenders,
        first_back_off=fields["podInitialBackoffSeconds"],
        longest_back_off=fields["podMaxBackoffSeconds"],
    )


def _decoded(text: bytes) -> dict[str, Any]:
    tree, problems = parse(text)
    check_kind(tree, GROUP, (VERSION,), KIND)
    fields, unknown = held_to(tree, _SHAPE)
    said = [one.pop("args", None) for profile in fields.get("profiles") or () for one in _arguments_in(profile)]
    _check_numbers(fields)
    problems += [*unknown, *_decode_arguments(fields, said)]
    if problems:
        raise Malformed(f"strict decoding error: {', '.join(problems)}")
    return fields


def _arguments_in(profile: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return profile.get("pluginConfig") or ()


def _decode_arguments(fields: Mapping[str, Any], said: Sequence[Any]) -> Iterator[str]:
    """Put arguments back as they are meant, those of plugins that nobody knows left out; yields what is wrong."""
    rest = iter(said)
    for at, profile in enumerate(fields.get("profiles") or ()):
        for index, one in enumerate(_arguments_in(profile)):
            name, args = one.get("name", ""), next(rest)
            if name not in SHAPES:
                continue
            place = f"decoding .profiles[{at}].pluginConfig[{index}]"
            try:
                found, problems = decoded(name, args)
                _check_numbers(found)
            except Malformed as error:
                raise Malformed(f"{place}: {error}") from None
            one["args"] = whole(name, found)
            if problems:
                strict = f"strict decoding error: decoding args for plugin {name}: strict decoding error"
                yield f"{place}: {strict}: {', '.join(problems)}"


def _check_numbers(tree: Any) -> None:
    for path, number in _numbers(tree, ""):
        bits = 64 if _LONG.fullmatch(path) else 32
        if not -(1 << bits - 1) <= number < 1 << bits - 1:
            raise Malformed(f"json: cannot unmarshal number {number} into Go struct field {path} of type int{bits}")


def _numbers(value: Any, path: str) -> Iterator[tuple[str, int]]:
    """Every whole number and its path."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _numbers(below, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for at, below in enumerate(value):
            yield from _numbers(below, f"{path}[{at}]")
    elif type(value) is int:
        yield path, value


def _ignored(extenders: Sequence[ExtenderConfiguration]) -> list[str]:
    """Resources that are the extenders' own affair."""
    return [one.name for extender in extenders for one in extender.managed_resources if one.ignored_by_scheduler]


def _profile(tree: Mapping[str, Any], everywhere: Mapping[str, Any], ignored: Sequence[str]) -> ProfileConfiguration:
    name = tree["schedulerName"]
    sets = {point: _plugin_set(said) for point, said in (tree.get("plugins") or {}).items()}
    arguments = {**DEFAULT_ARGUMENTS, **{one["name"]: one["args"] for one in _arguments_in(tree) if "args" in one}}
    if ignored:  # takes the place of what is said of the plugin, as upstream
        arguments[FIT] = {**arguments[FIT], "ignoredResources": ignored}
    try:
        merged = with_default_plugins(sets)
        _check_fit(arguments, merged)
        plugins = expanded(merged, name)
    except ProfileError as error:
        raise ProfileError(f"initializing profiles: creating profile for scheduler name {name}: {error}") from None
    percentage = tree.get("percentageOfNodesToScore", everywhere["percentageOfNodesToScore"])
    return ProfileConfiguration(name, plugins, percentage, arguments)


def _check_fit(arguments: Mapping[str, Mapping[str, Any]], sets: Mapping[str, PluginSet]) -> None:
    """The one plugin whose arguments upstream validates only when it is made."""
    wanted = any(plugin.name == FIT for one in sets.values() for plugin in one.enabled)
    if wanted and (errors := aggregated(argument_errors(FIT, arguments[FIT], ROOT))):
        raise ProfileError(f'initializing plugin "{FIT}": {errors}')


def _plugin_set(tree: Mapping[str, Any]) -> PluginSet:
    enabled: Sequence[Mapping[str, Any]] = tree.get("enabled") or ()
    disabled: Sequence[Mapping[str, Any]] = tree.get("disabled") or ()
    return PluginSet(
        [Enabled(plugin.get("name", ""), plugin.get("weight", 0)) for plugin in enabled],
        [plugin.get("name", "") for plugin in disabled],
    )
