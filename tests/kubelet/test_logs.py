"""Reading CRI logs: lines and parts, tail, since, timestamps, limits, following across rotation."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.kubelet.log_access import LogUnavailable, find_log
from sampan.kubelet.log_format import Entry, parse_line
from sampan.kubelet.logs import LogOptions, parse_options, read_log
from sampan.kubelet.messages import termination_message
from sampan.kubelet.records import PodRuntime
from tests.kubelet.pods import NOW, pod, ran, runs, runtime


def line(text: str, second: int = 0, stream: str = "stdout", tag: str = "F") -> str:
    return f"2026-11-23T03:00:{second:02}.123456789Z {stream} {tag} {text}\n"


async def read(path: Path, **options: Any) -> str:
    async def dead() -> bool:
        return False

    return b"".join([piece async for piece in read_log(path, LogOptions(**options), dead)]).decode()


def log(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "0.log"
    path.write_text("".join(lines))
    return path


def test_entries() -> None:
    assert parse_line(line("a b").encode()) == Entry(b"2026-11-23T03:00:00.123456789Z", b"stdout", b"a b\n")
    part = parse_line(line("half", tag="P").encode())
    assert part is not None and part.text == b"half"
    assert parse_line(b"not finished") is None and parse_line(b"broken\n") is None


async def test_parts_are_joined(tmp_path: Path) -> None:
    path = log(tmp_path, line("one "), line("tw", tag="P"), line("o"))
    assert await read(path) == "one \ntwo\n"
    stamped = await read(path, timestamps=True)
    assert stamped == "2026-11-23T03:00:00.123456789Z one \n2026-11-23T03:00:00.123456789Z two\n"


async def test_options(tmp_path: Path) -> None:
    path = log(tmp_path, line("a", 1), line("b", 2, "stderr"), line("c", 3))
    assert await read(path, tail=2) == "b\nc\n"
    assert await read(path, tail=0) == ""
    assert await read(path, tail=99) == "a\nb\nc\n"
    assert await read(path, since=datetime(2026, 11, 23, 3, 0, 2, tzinfo=UTC)) == "b\nc\n"
    assert await read(path, stream=b"stderr") == "b\n"
    assert await read(path, limit=3) == "a\nb"


@given(st.lists(st.integers(0, 3000), max_size=60), st.integers(0, 70))
def test_the_tail_is_the_tail(tmp_path_factory: pytest.TempPathFactory, lengths: list[int], tail: int) -> None:
    path = log(tmp_path_factory.mktemp("log"), *(line("x" * length) for length in lengths))
    wanted = "".join("x" * length + "\n" for length in lengths[len(lengths) - min(tail, len(lengths)) :])
    assert asyncio.run(read(path, tail=tail)) == wanted


async def test_following_goes_on_across_rotation_until_the_end(tmp_path: Path) -> None:
    path = log(tmp_path, line("one"))
    steps = iter([lambda: path.rename(tmp_path / "0.log.old"), lambda: path.write_text(line("two"))])

    async def alive() -> bool:
        step = next(steps, None)
        if step:
            step()
        return step is not None

    pieces = [piece async for piece in read_log(path, LogOptions(follow=True), alive)]
    assert b"".join(pieces) == b"one\ntwo\n"


def test_query_parameters() -> None:
    query = {"follow": "true", "tailLines": "5", "sinceSeconds": "60", "limitBytes": "9", "stream": "Stderr"}
    assert parse_options({"sinceSeconds": str(2**63)}, NOW).since == datetime.min.replace(tzinfo=UTC)
    found = parse_options(query, NOW)
    assert (found.follow, found.tail, found.limit, found.stream) == (True, 5, 9, b"stderr")
    assert found.since is not None and (NOW - found.since).total_seconds() == 60


def problem(what: PodRuntime, name: str = "main", previous: bool = False, **status: Any) -> tuple[int, str]:
    with pytest.raises(LogUnavailable) as error:
        find_log(pod(status=status), name, what, previous)
    return error.value.status, str(error.value)


def test_why_there_is_no_log() -> None:
    def waits(reason: str) -> dict[str, Any]:
        return {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": reason}}}]}

    assert problem(runtime(), name="none") == (404, 'container "none" not found in pod "web"')
    start = 'container "main" in pod "web" is waiting to start: '
    assert problem(runtime(), **waits("ContainerCreating")) == (400, start + "ContainerCreating")
    assert problem(runtime(), **waits("ImagePullBackOff")) == (400, start + "trying and failing to pull image")
    assert problem(runtime(), **waits("ErrImagePull")) == (400, start + "image can't be pulled")
    missing = 'previous terminated container "main" in pod "web" not found'
    assert problem(runtime(runs()), previous=True) == (400, missing)


def test_which_instance_is_meant() -> None:
    both = runtime(runs(count=1), ran(count=0))
    assert find_log(pod(), "main", both, False)[0].id == "main-1"
    assert find_log(pod(), "main", both, True)[0].id == "main-0"
    ended = {"containerStatuses": [{"name": "main", "state": {"terminated": {"containerID": "containerd://main-1"}}}]}
    twice = runtime(ran(count=1), ran(count=0))
    assert find_log(pod(status=ended), "main", twice, True)[0].id == "main-0"
    looping = {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}
    assert find_log(pod(status=looping), "main", twice, True)[0].id == "main-1"


def test_termination_messages(tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_text("from the file")
    path = str(log(tmp_path, line("last"), line("words")))
    assert termination_message(str(file), "File", 1, path) == "from the file"
    file.write_text("")
    assert termination_message(str(file), "File", 1, path) == ""
    assert termination_message(str(file), "FallbackToLogsOnError", 0, path) == ""
    assert termination_message(str(file), "FallbackToLogsOnError", 1, path) == "last\nwords\n"
    assert termination_message("", "File", 1, "") == ""
