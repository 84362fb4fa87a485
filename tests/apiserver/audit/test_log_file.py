"""Audit log files: whole lines, rotation, and what is kept."""

import contextlib
import gzip
import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.audit.backends.backend import IgnoreErrors
from sampan.apiserver.audit.backends.log_file import LogFile
from sampan.apiserver.audit.backends.rotation import Keep, RotatedFile
from sampan.apiserver.audit.metrics import AuditMetrics
from tests.apiserver.audit.events import NOON, event, lost, started


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        return self.moment


async def test_lines_are_in_the_file_when_they_have_been_waited_for(tmp_path: Path, metrics: AuditMetrics) -> None:
    path = tmp_path / "new" / "audit.log"
    async with started(LogFile(RotatedFile(path, Keep()), "json", metrics)) as backend:
        waits = [backend.process([event(str(number))]) for number in range(100)]
        assert all([await waiting for waiting in waits if waiting is not None])
        assert [json.loads(text)["auditID"] for text in path.read_text().splitlines()] == list(map(str, range(100)))
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_file_that_can_not_be_written_costs_events_and_nothing_else(
    tmp_path: Path, metrics: AuditMetrics, registry: CollectorRegistry
) -> None:
    async with started(LogFile(RotatedFile(Path("/dev/full"), Keep(max_size=0)), "json", metrics)) as backend:
        assert await backend.process([event("a"), event("b")]) is False  # type: ignore[misc]
        assert await IgnoreErrors(backend).process([event("c")]) is True  # type: ignore[misc]
    assert lost(registry, "log") == 3


def files(folder: Path) -> list[str]:
    """Names, in order."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_is_full_is_put_aside(tmp_path: Path) -> None:
    clock = Clock()
    file = RotatedFile(tmp_path / "audit.log", Keep(max_size=1), clock)
    file.open()
    half = b"x" * (600 << 10)
    file.write([half])
    file.write([half, half])  # twice in the same millisecond
    file.close()
    assert files(tmp_path) == [
        "audit-2026-11-26T12-00-00.120.log",
        "audit-2026-11-26T12-00-00.121.log",
        "audit.log",
    ]
    with pytest.raises(ValueError, match="write length 1048577 exceeds maximum file size 1048576"):
        file.write([b"x" * ((1 << 20) + 1)])


def test_old_files_go_and_what_is_left_is_compressed(tmp_path: Path) -> None:
    clock = Clock()
    for days in (1, 2, 3, 40):
        stamp = (NOON - timedelta(days=days)).strftime("%Y-%m-%dT%H-%M-%S.000")
        (tmp_path / f"audit-{stamp}.log").write_text(str(days))
    (tmp_path / "audit-of-somebody-else.log").write_text("")
    file = RotatedFile(tmp_path / "audit.log", Keep(max_age=30, max_backups=2, compress=True), clock)
    file.open()
    file.close()
    assert files(tmp_path) == [
        "audit-2026-11-24T12-00-00.000.log.gz",
        "audit-2026-11-25T12-00-00.000.log.gz",
        "audit-of-somebody-else.log",
        "audit.log",
    ]
    assert gzip.decompress((tmp_path / "audit-2026-11-25T12-00-00.000.log.gz").read_bytes()) == b"1"


def test_a_file_goes_on_where_it_was_left(tmp_path: Path) -> None:
    for number in range(2):
        file = RotatedFile(tmp_path / "audit.log", Keep(max_size=1))
        file.open()
        file.write([b"%d\n" % number])
        file.close()
    assert (tmp_path / "audit.log").read_text() == "0\n1\n"


def test_nothing_is_left_open(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "audit.log", Keep(max_size=1))
    file.open()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with contextlib.suppress(ValueError):
        for _ in range(5):
            file.write([b"x" * (900 << 10)])
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    file.close()
