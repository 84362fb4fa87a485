"""What a simulated kubelet tells of a pod where it is to tell anything."""

from datetime import timedelta

from sampan.kubelet.simulated.events import events_of
from sampan.kubelet.simulated.motion import motion_of, move
from sampan.kubelet.simulated.script import Script, Span
from tests.kubelet.pods import NOW, pod
from tests.kubelet.simulated.test_motion import deleted, place, running

NONE = Span(0, 0)


def told(subject: object, moved: object) -> list[tuple[str, str]]:
    return [(f"{event.type} {event.reason}", event.message) for event, _ in events_of(subject, moved)]


def test_a_start_and_a_crash() -> None:
    script = place(Script(start=NONE, crashes=5, run=Span(1, 1)))
    motion = motion_of(pod(), NOW)
    assert told(pod(), move(motion, script, NOW)) == [
        ("Normal Pulled", 'Container image "img" already present on machine'),
        ("Normal Created", "Created container: main"),
        ("Normal Started", "Started container main"),
    ]
    move(motion, script, NOW + timedelta(seconds=1))
    assert not told(pod(), move(motion, script, NOW + timedelta(seconds=2)))
    held = move(motion, script, NOW + timedelta(seconds=3))
    back_off = "Back-off restarting failed container main in pod web_default(u1)"
    assert told(pod(), held) == [("Warning BackOff", back_off)]


def test_an_end() -> None:
    gone = deleted(running(), 30)
    moved = move(motion_of(gone, NOW), place(Script(stop=NONE)), NOW)
    assert told(gone, moved) == [("Normal Killing", "Stopping container main")]
