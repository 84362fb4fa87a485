"""What runs on the node, as facts: the sandboxes and containers of one pod, in plain records.

Used by plan.py and status.py, which know nothing of CRI. runtime.py makes them of what containerd says,
simulated/runtime.py of a script.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class State(Enum):
    """Where a container is in its life."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A pod's shell: namespaces and network."""

    id: str
    attempt: int
    ready: bool
    created: datetime
    ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """One instance of a container; a restart makes another."""

    id: str
    name: str
    sandbox: str
    state: State
    restart_count: int = 0
    hash: str = ""
    image: str = ""
    image_ref: str = ""  # what status shows as imageID
    created: datetime = _LONG_AGO
    started: datetime | None = None
    finished: datetime | None = None
    exit_code: int = 0
    reason: str = ""
    message: str = ""  # from the runtime
    termination_message: str = ""  # from the container; messages.py reads it
    annotations: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[tuple[str, str], ...] = ()  # (path in the container, path on the node)
    log_path: str = ""

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than with 0."""
        return self.state is State.EXITED and self.exit_code != 0


@dataclass(frozen=True, slots=True)
class PodRuntime:
    """All that the runtime has of one pod, newest first."""

    sandboxes: tuple[Sandbox, ...] = ()
    containers: tuple[Container, ...] = ()

    @property
    def sandbox(self) -> Sandbox | None:
        """The newest sandbox."""
        return self.sandboxes[0] if self.sandboxes else None

    def instances(self, name: str) -> list[Container]:
        """The instances of a container, newest first."""
        return [container for container in self.containers if container.name == name]

    def latest(self, name: str) -> Container | None:
        """The newest instance of a container."""
        return next(iter(self.instances(name)), None)

    def running(self) -> list[Container]:
        """What still runs, or may."""
        return [c for c in self.containers if c.state in (State.RUNNING, State.UNKNOWN)]
