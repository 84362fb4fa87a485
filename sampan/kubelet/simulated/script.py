"""How a simulated pod behaves: a few delays, the same for all pods, but for what its annotations say. Pure.

    simulation.sampan.internal/run: 10-60         seconds that its containers run; "forever"
    simulation.sampan.internal/exit-code: "3"

Annotations are written by users: what can't be read is as good as absent, and told in an event. Called by config.py for
the defaults and by pods.py for each pod that moves.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sampan.kubelet.podspec import containers, is_sidecar
from sampan.machinery.durations import parse_duration
from sampan.machinery.meta import Object, annotations_of, integer_of

PREFIX = "simulation.sampan.internal/"
_LONGEST = 1e9  # seconds


class Span(NamedTuple):
    """Seconds: between the least and the most, evenly."""

    least: float
    most: float


_CRASHING = Span(1.0, 1.0)  # the life of what fails, where nobody said how long it runs
_MOMENT, _START, _COMPLETE = Span(0.5, 0.5), Span(0.5, 1.5), Span(5.0, 5.0)


@dataclass(frozen=True, slots=True)
class Script:
    """How pods behave; times are in seconds."""

    start: Span = _START  # from the node's first look at the pod until its first container runs
    init: Span = _MOMENT  # how long each init container runs
    run: Span | None = None  # how long ordinary containers run; None: see `life`
    complete: Span = _COMPLETE  # the same where `run` is not given and the pod is one that is to end
    stop: Span = _MOMENT  # from the signal to the end, at most the grace period
    exit_code: int = 0
    crashes: int = 0  # so many of a container's first instances fail
    ready: Span | None = None  # from the start until the readiness probe succeeds; None: as the probe says
    never_ready: bool = False
    forever: bool = False  # containers run until they are stopped, whatever their restartPolicy

    def life(self, pod: Object, restarts: int) -> Span | None:
        """How long an instance of an ordinary container runs; None: until it is stopped."""
        if self.run is not None:
            return self.run
        if restarts < self.crashes or (self.exit_code and not self.forever):
            return _CRASHING
        ends = not self.forever and pod["spec"].get("restartPolicy") in ("Never", "OnFailure")
        return self.complete if ends else None

    def code(self, restarts: int) -> int:
        """The exit code of an instance that ends by itself."""
        if self.crashes:
            return (self.exit_code or 1) if restarts < self.crashes else 0
        return self.exit_code


def span(said: Any) -> Span:
    """`2`, `1.5s`, `500ms-2s`, `10-60`; raises ValueError."""
    if isinstance(said, (int, float)) and not isinstance(said, bool):
        return _checked(float(said), float(said))
    if not isinstance(said, str):
        raise ValueError("is no time")
    least, dash, most = said.strip().partition("-")
    return _checked(_seconds(least), _seconds(most if dash else least))


def _seconds(text: str) -> float:
    text = text.strip()
    if len(text) > 50:
        raise ValueError("is no time")
    try:
        return float(text) if text.replace(".", "", 1).isdecimal() else parse_duration(text)
    except ValueError:
        raise ValueError("is no time as 2, 500ms or 10-60") from None


def _checked(least: float, most: float) -> Span:
    if not (math.isfinite(least) and math.isfinite(most) and 0 <= least <= most <= _LONGEST):
        raise ValueError(f"is no time from 0 to {_LONGEST:.0f} seconds")
    return Span(least, most)


def _run(said: Any) -> Mapping[str, Any]:
    return {"run": None, "forever": True} if said == "forever" else {"run": span(said), "forever": False}


def _ready(said: Any) -> Mapping[str, Any]:
    return {"never_ready": True} if said == "never" else {"ready": span(said), "never_ready": False}


def _number(most: int, said: Any) -> int:
    found = integer_of(said) if isinstance(said, str) else said
    if type(found) is not int or not 0 <= found <= most:
        raise ValueError(f"is no number from 0 to {most}")
    return found


# what a file or an annotation may say -> the fields that follow
READERS: Mapping[str, Callable[[Any], Mapping[str, Any]]] = {
    "start": lambda said: {"start": span(said)},
    "init": lambda said: {"init": span(said)},
    "run": _run,
    "complete": lambda said: {"complete": span(said)},
    "stop": lambda said: {"stop": span(said)},
    "exit-code": lambda said: {"exit_code": _number(255, said)},
    "crashes": lambda said: {"crashes": _number(10**6, said)},
    "ready": _ready,
}


def changed(script: Script, said: Mapping[str, Any]) -> tuple[Script, list[str]]:
    """The script with what was said, and what of that can't be."""
    problems: list[str] = []
    fields: dict[str, Any] = {}
    for name, value in said.items():
        try:
            if name not in READERS:
                raise ValueError(f"is none of {', '.join(READERS)}")
            fields |= READERS[name](value)
        except ValueError as error:
            shown = name if name not in READERS else f"{name}: {str(value)[:100]!r}"
            problems.append(f"{shown} {error}")
    return (replace(script, **fields) if fields else script), problems


def script_of(pod: Object, defaults: Script) -> tuple[Script, list[str]]:
    """How this pod behaves, and what is wrong with its annotations."""
    notes = annotations_of(pod)
    said = {name.removeprefix(PREFIX): value for name, value in notes.items() if name.startswith(PREFIX)}
    return changed(defaults, said) if said else (defaults, [])


def life_of(pod: Object, spec: Object, restarts: int, script: Script) -> Span | None:
    """How long an instance of any container runs; None: until it is stopped."""
    name = spec["name"]
    if any(one["name"] == name for one in containers(pod)):
        return script.life(pod, restarts)
    is_init = any(one["name"] == name for one in pod["spec"].get("initContainers") or ())
    return script.init if is_init and not is_sidecar(spec) else None
