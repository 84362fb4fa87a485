"""Names what holds the event loop: a thread that has the main thread look at what it is doing, now and then.

The loop belongs to everyone, and one callback that computes for long makes all clients wait. A hold is one call of
this package that goes on for a while in which the loop answers nobody; what counts is the thread's own processor time,
so that a busy machine is nobody's fault. Very many short calls that come together are told of, too, and collections of
garbage are told apart. Costs next to nothing while the loop has little to do. Called by serving.py and by the tests,
which fail on what it finds.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from types import FrameType
from typing import NamedTuple

log = logging.getLogger(__name__)

LIMIT = 0.020  # seconds that one callback may take
_TICK = 0.025  # seconds between two looks
_SIGNAL = signal.SIGPROF  # that nobody else uses
_AGAIN = 60.0  # seconds until a place is named again
_PACKAGE = "sampan."
_BELOW = frozenset({"__main__", "sampan.cluster.server", __name__})  # inside of these the loop runs, or its own watch
_DEPTH = 12  # calls that are told of a stack
_ROUND = 5  # times the limit that all calls of one round of the loop may take together
_TOLD = 6  # calls that are told of a round


class Hold(NamedTuple):
    """One call that held the loop: where it began, what it was busy with when it was seen, and for how long."""

    place: str
    stack: str
    seconds: float


class LoopMonitor:
    """Watches the loop of the main thread, which enters it, until it leaves; `found` is called from the loop."""

    def __init__(self, found: Callable[[Hold], None], *, limit: float = LIMIT, tick: float = _TICK) -> None:
        self._found, self._limit, self._tick = found, limit, tick
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._collected = 0.0  # seconds in which garbage was collected
        self._collection = 0.0  # when the one that goes on began
        self._answered = True  # whether the loop has come by since it was last called
        self._round: _Round | None = None
        self._held: list[Hold] = []  # not told of yet

    def __enter__(self) -> "LoopMonitor":
        """From inside the loop."""
        main = threading.get_ident()
        assert threading.current_thread() is threading.main_thread(), "signals come to the main thread only"
        self._loop = asyncio.get_running_loop()
        self._before = signal.signal(_SIGNAL, self._look)
        gc.callbacks.append(self._collecting)
        arguments = (main, time.pthread_getcpuclockid(main))
        self._thread = threading.Thread(target=self._run, args=arguments, name="loop monitor", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Returns when it looks no more."""
        self._stop.set()
        gc.callbacks.remove(self._collecting)
        assert self._thread is not None
        self._thread.join()
        self._answer()
        signal.signal(_SIGNAL, self._before)

    def _run(self, main: int, clock: int) -> None:
        """Calls the loop while it is busy, and has it looked at until it answers."""
        last = time.clock_gettime(clock)
        while not self._stop.wait(self._tick):
            before, last = last, time.clock_gettime(clock)
            if last - before < self._tick / 4:
                continue
            if not self._answered:
                signal.pthread_kill(main, _SIGNAL)
                continue
            self._answered = False
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._answer)

    def _look(self, number: int, frame: FrameType | None) -> None:
        """What the main thread is doing, seen by itself: nobody else's frames can be looked at safely."""
        call = _outermost(frame)
        if self._answered or self._collection or call is None or frame is None:
            return
        now = time.thread_time() - self._collected
        around = self._round = self._round or _Round(now)
        if around.seen is None or around.seen.call is not call:
            self._end_of(around.seen)
            around.seen = _Seen(call, _stack(frame), now)
        around.seen.until = around.until = now
        around.calls[call] = around.seen.stack

    def _answer(self) -> None:
        self._answered = True
        around, self._round = self._round, None
        if around is not None:
            self._end_of(around.seen)
            self._end_of_round(around)
        held, self._held = self._held, []
        for hold in held:
            self._found(hold)

    def _end_of(self, seen: "_Seen | None") -> None:
        if seen is not None and seen.until - seen.since >= self._limit:
            self._held.append(Hold(_place(seen.call), seen.stack, seen.until - seen.since))

    def _end_of_round(self, around: "_Round") -> None:
        took = around.until - around.since
        if len(around.calls) > 1 and took >= _ROUND * self._limit:
            calls = Counter(f"{_place(call)}, in {stack.partition(' < ')[0]}" for call, stack in around.calls.items())
            self._held.append(Hold("one round", "; ".join(text for text, _ in calls.most_common(_TOLD)), took))

    def _collecting(self, phase: str, info: dict[str, int]) -> None:
        """For the collector, in the thread whose turn it is: a collection that the main thread pays for."""
        if threading.current_thread() is not threading.main_thread():
            return
        if phase == "start":
            self._collection = time.thread_time()
            return
        took, self._collection = time.thread_time() - self._collection, 0.0
        self._collected += took
        if took >= self._limit:
            self._held.append(Hold(f"garbage collection of generation {info['generation']}", "gc", took))
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._answer)


class _Round:
    """All that is called before the loop answers; `seen` is the last of it."""

    __slots__ = ("calls", "seen", "since", "until")

    def __init__(self, now: float) -> None:
        self.since = self.until = now
        self.calls: dict[FrameType, str] = {}  # with what they were busy with
        self.seen: _Seen | None = None


class _Seen:
    """A call that goes on."""

    __slots__ = ("call", "since", "stack", "until")

    def __init__(self, call: FrameType, stack: str, now: float) -> None:
        self.call, self.stack = call, stack
        self.since = self.until = now


def logged() -> Callable[[Hold], None]:
    """What tells the log of holds, of each place once a minute."""
    told: dict[str, float] = {}  # places are as many as there is code

    def found(hold: Hold) -> None:
        now = time.monotonic()
        if now - told.get(hold.place, -_AGAIN) >= _AGAIN:
            told[hold.place] = now
            log.warning("%s held the event loop for %.0f ms, in %s", hold.place, hold.seconds * 1000, hold.stack)

    return found


def _calls(frame: FrameType | None) -> Iterator[FrameType]:
    """From the innermost outwards."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _outermost(frame: FrameType | None) -> FrameType | None:
    """The first call of this package that led here; None where none did."""
    own = [call for call in _calls(frame) if call.f_globals.get("__name__", "").startswith(_PACKAGE)]
    # A process of the package begins with its own main function, below which the loop runs.
    return next((call for call in reversed(own) if call.f_globals.get("__name__") not in _BELOW), None)


def _place(call: FrameType) -> str:
    return f"{call.f_globals.get('__name__')}.{call.f_code.co_qualname}"


def _stack(frame: FrameType) -> str:
    return " < ".join(_place(call) for call in islice(_calls(frame), _DEPTH))
