"""What the fields of a configuration may hold. Pure; texts and rules: pkg/scheduler/apis/config/validation and
k8s.io/component-base/config/validation.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sampan.machinery.component_config import Malformed
from sampan.machinery.durations import parse_duration
from sampan.machinery.errors import FieldError
from sampan.machinery.paths import ROOT, Path, duplicate, invalid, required
from sampan.scheduler.configuration.argument_errors import argument_errors
from sampan.scheduler.configuration.arguments import FIT
from sampan.scheduler.configuration.extender import extender_errors
from sampan.scheduler.configuration.points import POINTS

Tree = Mapping[str, Any]

_VERSION = "kubescheduler.config.k8s.io/v1"
_REMOVED = ("AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits")
_NO_MORE = f'was invalid in version "{_VERSION}" (KubeSchedulerConfiguration is version "{_VERSION}")'


def errors_of(tree: Tree) -> Iterator[FieldError | str]:
    """Of a whole configuration, with its defaults. Raises Malformed for what is no duration."""
    if (burst := (tree.get("clientConnection") or {}).get("burst", 0)) < 0:
        yield invalid("clientConnection.burst", burst, "must be non-negative")
    yield from _election(tree["leaderElection"], Path("leaderElection"))
    if tree["parallelism"] <= 0:
        yield invalid("parallelism", tree["parallelism"], "should be an integer value greater than zero")
    yield from _profiles(tree["profiles"], Path("profiles"))
    yield from _percentage(tree, ROOT)
    first, longest = tree["podInitialBackoffSeconds"], tree["podMaxBackoffSeconds"]
    if first <= 0:
        yield invalid("podInitialBackoffSeconds", first, "must be greater than 0")
    if longest < first:
        yield invalid("podMaxBackoffSeconds", longest, "must be greater than or equal to PodInitialBackoffSeconds")
    yield from extender_errors(tree.get("extenders") or (), Path("extenders"))


def _election(tree: Tree, path: Path) -> Iterator[FieldError | str]:
    times = {name: _seconds(tree[name]) for name in ("leaseDuration", "renewDeadline", "retryPeriod")}
    if not tree["leaderElect"]:
        return
    for name, seconds in times.items():
        if seconds <= 0:
            yield invalid(path.child(name), tree[name], "must be greater than zero")
    if times["leaseDuration"] <= times["renewDeadline"]:
        yield invalid(path.child("leaseDuration"), tree["renewDeadline"], "must be greater than `RenewDeadline`")
    if tree["resourceLock"] != "leases":
        yield invalid(path.child("resourceLock"), tree["resourceLock"], 'resourceLock value must be "leases"')


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:  # which upstream meets while decoding
        raise Malformed(str(error)) from None


def _percentage(tree: Tree, path: Path) -> Iterator[FieldError | str]:
    percentage = tree.get("percentageOfNodesToScore", 0)
    if not 0 <= percentage <= 100:
        yield invalid(path.child("percentageOfNodesToScore"), percentage, "not in valid range [0-100]")


def _profiles(profiles: Sequence[Tree], path: Path) -> Iterator[FieldError | str]:
    seen: dict[str, int] = {}
    for at, profile in enumerate(profiles):
        here, name = path.index(at), profile.get("schedulerName", "")
        yield from _profile(profile, here)
        if name in seen:
            yield duplicate(here.child("schedulerName"), str(path.index(seen[name]).child("schedulerName")))
        seen[name] = at
    yield from _queue_sort(profiles, path)


def _profile(profile: Tree, path: Path) -> Iterator[FieldError | str]:
    if not profile.get("schedulerName"):
        yield required(path.child("schedulerName"))
    yield from _percentage(profile, path)
    for point in POINTS:
        for at, plugin in enumerate(_enabled(profile, point)):
            if plugin.get("name") in _REMOVED:
                yield invalid(path.child("plugins", point, "enabled").index(at), plugin["name"], _NO_MORE)
    seen: set[str] = set()
    for at, config in enumerate(profile.get("pluginConfig") or ()):
        place, name = path.child("pluginConfig").index(at), config.get("name", "")
        if name in seen:
            yield duplicate(place, name)
        seen.add(name)
        if name in _REMOVED:
            yield invalid(place, name, _NO_MORE)
        elif "args" in config and name != FIT:  # which is told of when it is made
            yield from argument_errors(name, config["args"], place.child("args"))


def _queue_sort(profiles: Sequence[Tree], path: Path) -> Iterator[FieldError | str]:
    """There is one queue: all profiles must want the same order of it."""
    first = _sorting(profiles[0])
    if len(first["Enabled"]) > 1:
        place = path.index(0).child("plugins", "queueSort", "Enabled")
        yield invalid(place, len(first["Enabled"]), "only one queue sort plugin can be enabled")
    for at, profile in enumerate(profiles[1:], 1):
        if (other := _sorting(profile)) != first:
            yield invalid(path.index(at).child("plugins", "queueSort"), other, "must be the same for all profiles")


def _sorting(profile: Tree) -> dict[str, Any]:
    said = (profile.get("plugins") or {}).get("queueSort") or {}
    return {
        field.title(): [{"Name": plugin.get("name", ""), "Weight": plugin.get("weight", 0)} for plugin in plugins]
        for field, plugins in (("enabled", said.get("enabled") or ()), ("disabled", said.get("disabled") or ()))
    }


def _enabled(profile: Tree, point: str) -> Sequence[Tree]:
    return ((profile.get("plugins") or {}).get(point) or {}).get("enabled") or ()
