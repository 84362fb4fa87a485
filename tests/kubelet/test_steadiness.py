"""Containers that somebody is going to be attached to, and end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sampan.kubelet.endpoints.attaching import attached, is_alive
from sampan.kubelet.records import Container, PodRuntime, State
from sampan.kubelet.steadiness import STEADY, steady_at
from sampan.transport.messages import Connection, Response, Upgrade
from sampan.transport.relay import splice
from tests.transport.conftest import connection_pair

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def pod(**fields: Any) -> Any:
    return {"spec": {"containers": [{"name": "main", "image": "i", **fields}]}}


def runtime(state: State, started: datetime | None) -> PodRuntime:
    return PodRuntime(containers=(Container("c", "main", "s", state, started=started),))


def test_an_interactive_container_is_told_of_a_moment_later() -> None:
    interactive, begun = pod(stdin=True, stdinOnce=True), runtime(State.RUNNING, NOW)
    assert steady_at(interactive, begun, NOW) == NOW + STEADY
    assert steady_at(interactive, begun, NOW + STEADY) is None
    assert steady_at(interactive, begun, NOW + timedelta(days=1)) is None


@pytest.mark.parametrize(
    ("fields", "state", "started"),
    [
        ({}, State.RUNNING, NOW),
        ({"stdin": True}, State.RUNNING, NOW),
        ({"stdinOnce": True}, State.EXITED, NOW),
        ({"stdinOnce": True}, State.CREATED, None),
    ],
)
def test_all_else_at_once(fields: Any, state: State, started: datetime | None) -> None:
    assert steady_at(pod(**fields), runtime(state, started), NOW) is None
    assert steady_at(pod(**fields), PodRuntime(), NOW) is None


def test_a_process_that_has_ended_is_not_alive_even_if_nobody_has_asked_how() -> None:
    assert is_alive(os.getpid()) and is_alive(0)
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(child.pid)  # a zombie
    assert not is_alive(child.pid)


async def attach(pid: int, then: Callable[[Connection, Connection], Awaitable[None]]) -> None:
    """An attach to a process: `then` has the client's end and the runtime's."""
    client, near = await connection_pair()
    far, backend = await connection_pair()

    async def run(connection: Connection) -> None:
        await splice(connection, far)

    reply = attached(Upgrade(run), pid)
    assert isinstance(reply, Upgrade)
    async with asyncio.TaskGroup() as group:
        group.create_task(reply.handler(near))  # type: ignore[arg-type]
        await then(client, backend)
        await client.close()
        await backend.close()


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that ends when it has been written to."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as made:
        yield made
        if made.poll() is None:
            made.communicate(b"\n")


async def test_attaching_breaks_off_where_the_process_is_gone(child: "subprocess.Popen[bytes]") -> None:
    child.communicate(b"\n")

    async def refused(client: Connection, backend: Connection) -> None:
        await client.write(b"streams, please")
        assert await backend.read() == b"streams, please"
        await backend.write(b"here they are")
        assert await client.read() == b""

    await attach(child.pid, refused)


async def test_once_attached_it_may_end(child: "subprocess.Popen[bytes]") -> None:
    async def told(client: Connection, backend: Connection) -> None:
        await backend.write(b"streams")
        assert await client.read() == b"streams"
        child.communicate(b"\n")
        await backend.write(b"output")
        assert await client.read() == b"output"

    await attach(child.pid, told)


def test_a_refusal_stays_one() -> None:
    refusal = Response(400, b"no")
    assert attached(refusal, 1) is refusal
