"""What is known of a container runtime that answers, complains, or hangs."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from sampan.kubelet.cri import CRIError
from sampan.kubelet.runtime_state import INTERVAL, RELIST_THRESHOLD, SYNC_THRESHOLD, RuntimeState
from sampan.testing.clock import VirtualClock

FINE = {"RuntimeReady": (True, "", ""), "NetworkReady": (True, "", "")}


class Runtime:
    """Answers while `hung` is not set."""

    def __init__(self) -> None:
        self.going = asyncio.Event()
        self.going.set()
        self.found: Mapping[str, tuple[bool, str, str]] = FINE
        self.images = ["one"]

    async def conditions(self) -> Mapping[str, tuple[bool, str, str]]:
        await self.going.wait()
        return self.found

    async def version(self) -> Any:
        return SimpleNamespace(runtime_name="containerd", runtime_version="1.6.20")

    async def list_images(self) -> list[str]:
        if not self.going.is_set():
            raise CRIError("DeadlineExceeded", "context deadline exceeded")
        return self.images


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


async def test_a_runtime_that_hangs_is_down_after_30_seconds_and_back_at_once(clock: VirtualClock) -> None:
    runtime = Runtime()
    state = RuntimeState(runtime, clock)  # type: ignore[arg-type]
    assert state.problem == "container runtime status check may not have completed yet"
    await state.look()
    assert (state.problem, state.version) == ("", "containerd://1.6.20")
    running = asyncio.create_task(state.run())
    await clock.advance(2 * SYNC_THRESHOLD)
    assert state.problem == ""
    runtime.going.clear()
    await clock.advance(SYNC_THRESHOLD - 1)
    assert state.problem == ""
    await clock.advance(1)
    assert state.problem == "container runtime is down"
    await clock.advance(RELIST_THRESHOLD - 3 * SYNC_THRESHOLD + 0.5)
    assert state.problem == (
        "[container runtime is down, PLEG is not healthy: pleg was last seen active 3m0.5s ago; threshold is 3m0s]"
    )
    runtime.going.set()
    state.listed()
    await clock.advance(INTERVAL)
    assert state.problem == ""
    running.cancel()


async def test_its_own_complaints_are_told_and_make_it_down_in_time(clock: VirtualClock) -> None:
    runtime = Runtime()
    state = RuntimeState(runtime, clock)  # type: ignore[arg-type]
    await state.look()
    runtime.found = FINE | {"RuntimeReady": (False, "Broken", "no shim")}
    running = asyncio.create_task(state.run())
    await clock.advance(INTERVAL)
    complaint = "container runtime not ready: RuntimeReady=false reason:Broken message:no shim"
    assert state.problem == complaint
    await clock.advance(SYNC_THRESHOLD)
    assert state.problem == f"[container runtime is down, {complaint}]"
    running.cancel()


async def test_images_that_were_known_stay_known(clock: VirtualClock) -> None:
    runtime = Runtime()
    state = RuntimeState(runtime, clock)  # type: ignore[arg-type]
    await state.list_images()
    runtime.going.clear()
    await state.list_images()
    assert state.images == ["one"]
