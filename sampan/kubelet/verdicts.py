"""What the probes have found out about one container instance. Set by probes.py, read by plan.py and status.py."""

from collections.abc import Mapping
from dataclasses import dataclass

from sampan.machinery.meta import Object


@dataclass(frozen=True, slots=True)
class Verdict:
    """None: no result yet, or no such probe (which of the two, the spec says)."""

    started: bool | None = None
    live: bool | None = None
    ready: bool | None = None


NOTHING_KNOWN = Verdict()
Verdicts = Mapping[str, Verdict]  # by container id


def is_started(spec: Object, verdict: Verdict) -> bool:
    """Whether a running container counts as started: its startup probe has succeeded, or it has none."""
    return verdict.started is True or not spec.get("startupProbe")


def is_ready(spec: Object, verdict: Verdict) -> bool:
    """Whether a running container counts as ready: started, and readiness was last found, if it is probed."""
    return is_started(spec, verdict) and (verdict.ready is True or not spec.get("readinessProbe"))


def failed_probe(verdict: Verdict) -> str:
    """ "startup" or "liveness" where such a probe wants the container killed, else ""."""
    if verdict.started is False:
        return "startup"
    return "liveness" if verdict.live is False else ""
