"""What a kubelet would tell of a step, in its words. Pure; called by pods.py where a simulation has events."""

from collections.abc import Iterator

from sampan.kubelet.plan import KillContainer, StartContainer
from sampan.kubelet.podspec import all_containers, full_name
from sampan.kubelet.simulated.motion import Moved
from sampan.machinery.meta import Object
from sampan.reconcile.events import NORMAL, WARNING, PlannedEvent

Told = tuple[PlannedEvent, str]  # the event, and the container that it is about


def events_of(pod: Object, moved: Moved) -> Iterator[Told]:
    """The events of what was done, and of what was held back."""
    images = {spec["name"]: spec["image"] for spec in all_containers(pod)}
    for action in moved.done:
        match action:
            case StartContainer(name):
                message = f'Container image "{images[name]}" already present on machine'
                yield PlannedEvent(NORMAL, "Pulled", message), name
                yield PlannedEvent(NORMAL, "Created", f"Created container: {name}"), name
                yield PlannedEvent(NORMAL, "Started", f"Started container {name}"), name
            case KillContainer():
                yield PlannedEvent(NORMAL, "Killing", action.message), action.name
    for name in moved.waiting:
        message = f"Back-off restarting failed container {name} in pod {full_name(pod)}"
        yield PlannedEvent(WARNING, "BackOff", message), name
