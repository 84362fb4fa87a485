"""Which plugins a profile has, where and in which order: the default ones, and what a file says of them. Pure.

    plugins = expanded(with_defaults(said), "my-scheduler")     # raises ProfileError, with upstream's text

Two steps, as upstream: a set that is said is merged with the default one of its point (of which only multiPoint's has
any), then multiPoint is spread over the points at which its plugins have a say. What is said of a point goes first.
Sources: pkg/scheduler/apis/config/v1/default_plugins.go (mergePluginSet), framework/runtime/framework.go
(expandMultiPointPlugins).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sampan.scheduler.configuration.points import ABSENT, PLUGINS, POINTS, WEIGHTS

MULTI_POINT = "multiPoint"
EVERY = "*"


class ProfileError(ValueError):
    """There can be no such profile; str() says why."""


class Enabled(NamedTuple):
    """A plugin that is wanted; 0 is no weight in particular."""

    name: str
    weight: int = 0


class PluginSet(NamedTuple):
    """What is said of one point."""

    enabled: Sequence[Enabled] = ()
    disabled: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Plugins:
    """The plugins of a profile: names by point, in order, and the weights of those that score."""

    points: Mapping[str, Sequence[str]] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)

    def at(self, point: str) -> Sequence[str]:
        """The plugins of a point."""
        return self.points.get(point, ())

    @property
    def names(self) -> set[str]:
        """Every plugin that has a say somewhere."""
        return {name for names in self.points.values() for name in names}


_DEFAULT = PluginSet([Enabled(name, WEIGHTS.get(name, 0)) for name in PLUGINS])


def with_defaults(said: Mapping[str, PluginSet]) -> dict[str, PluginSet]:
    """Every point's set, and multiPoint's, the default plugins among them."""
    nothing = PluginSet()
    return {
        MULTI_POINT: merged(_DEFAULT, said.get(MULTI_POINT, nothing)),
        **{point: merged(nothing, said.get(point, nothing)) for point in POINTS},
    }


def merged(default: PluginSet, custom: PluginSet) -> PluginSet:
    """The default plugins that are not disabled, in their order and as they are said to be; then all others."""
    again = {plugin.name: at for at, plugin in enumerate(custom.enabled)}
    replaced: set[int] = set()
    enabled = []
    for plugin in () if EVERY in custom.disabled else default.enabled:
        if plugin.name in custom.disabled:
            continue
        if (at := again.get(plugin.name)) is not None:
            replaced.add(at)
            plugin = custom.enabled[at]
        enabled.append(plugin)
    enabled += [plugin for at, plugin in enumerate(custom.enabled) if at not in replaced]
    return PluginSet(enabled, [*custom.disabled, *default.disabled])


def expanded(sets: Mapping[str, PluginSet], scheduler: str) -> Plugins:
    """The plugins of each point. Raises ProfileError."""
    for point in POINTS:
        _check(point, sets[point].enabled)
    found = {point: _at(point, sets[point], sets[MULTI_POINT].enabled) for point in POINTS}
    if (sorting := len(found["queueSort"])) != 1:
        raise ProfileError(
            f'only one queue sort plugin required for profile with scheduler name "{scheduler}", but got {sorting}'
        )
    if not found["bind"]:
        raise ProfileError(f'at least one bind plugin is needed for profile with scheduler name "{scheduler}"')
    return Plugins(found, _weights([*sets["score"].enabled, *sets[MULTI_POINT].enabled]))


def _check(point: str, enabled: Sequence[Enabled]) -> None:
    seen = set()
    for name, _ in enabled:
        if name not in PLUGINS:
            raise _unknown(point, name)
        if point not in PLUGINS[name]:
            raise ProfileError(f'plugin "{name}" does not extend {POINTS[point]} plugin')
        if name in seen:
            raise _twice(point, name)
        seen.add(name)


def _at(point: str, said: PluginSet, everywhere: Sequence[Enabled]) -> list[str]:
    """One point's: what multiPoint names and the point too, what multiPoint adds, then the point's others."""
    here = [plugin.name for plugin in said.enabled]
    if EVERY in said.disabled:
        return here
    also, added = set(), []
    for name, _ in everywhere:
        if name not in PLUGINS:
            raise _unknown(point, name)
        if point not in PLUGINS[name] or name in said.disabled:
            continue
        if name in here:
            also.add(name)
        elif name in added:
            raise _twice(point, name)
        else:
            added.append(name)
    return [*(name for name in here if name in also), *added, *(name for name in here if name not in also)]


def _weights(plugins: Sequence[Enabled]) -> dict[str, int]:
    """The first word on a plugin's weight counts; none is 1."""
    found: dict[str, int] = {}
    for name, weight in plugins:
        if "score" in PLUGINS[name]:
            found.setdefault(name, weight or 1)
    return found


def _unknown(point: str, name: str) -> ProfileError:
    if name in ABSENT:
        return ProfileError(f'plugin "{name}" is not part of this scheduler')
    return ProfileError(f'{POINTS[point]} "{name}" does not exist')


def _twice(point: str, name: str) -> ProfileError:
    return ProfileError(f'plugin "{name}" already registered as "{POINTS[point]}"')


DEFAULT_PLUGINS = expanded(with_defaults({}), "")
