"""Logs have bounds, and nothing that is written to them is lost for it."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

from sampan.cluster.log_files import INTERVAL, LIMIT, cut, keep_bounded, open_log
from sampan.testing.clock import VirtualClock

# A process whose output leads to its log, as the server's does; it says the same in two ways.
SERVER = """
import logging, sys
from pathlib import Path
from sampan.cluster.log_files import RotatingLog
logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[RotatingLog(Path(sys.argv[1]), 2000, 3)])
for number in range(int(sys.argv[2])):
    logging.info("record %d", number)
    print("said", number, file=sys.stderr, flush=True)
"""


def run(path: Path, count: int) -> list[Path]:
    """Let it write so much; its files, the newest first."""
    with os.fdopen(open_log(path), "ab") as output:
        subprocess.run([sys.executable, "-c", SERVER, str(path), str(count)], stdout=output, stderr=output, check=True)
    return [file for file in (path, *(path.with_name(f"{path.name}.{n}") for n in range(1, 9))) if file.exists()]


def test_the_servers_log_is_put_aside_and_its_output_follows(tmp_path: Path) -> None:
    files = run(tmp_path / "server.log", 280)
    assert len(files) > 2
    lines = "".join(file.read_text() for file in reversed(files)).splitlines()
    assert lines == [f"{what} {number}" for number in range(280) for what in ("record", "said")]


def test_the_servers_logs_have_a_bound_and_are_its_owners(tmp_path: Path) -> None:
    files = run(tmp_path / "server.log", 1000)
    assert len(files) == 4
    assert max(file.stat().st_size for file in files) < 2100
    assert "said 999" in files[0].read_text()
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_log_of_another_process_is_cut_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "containerd.log"
    with os.fdopen(open_log(path), "ab", buffering=0) as writer:
        for number in range(6):
            writer.write(b"%d" % number * 100)
            cut(path, 99, 3)
            assert path.stat().st_size == 0
        writer.write(b"last")
    assert path.read_bytes() == b"last"
    assert [path.with_name(f"containerd.log.{n}").read_bytes()[:1] for n in (1, 2, 3)] == [b"5", b"4", b"3"]
    assert not path.with_name("containerd.log.4").exists()


async def test_such_a_log_is_looked_at_now_and_then(tmp_path: Path) -> None:
    clock, path = VirtualClock(), tmp_path / "containerd.log"
    looking = asyncio.create_task(keep_bounded(path, clock))
    await clock.advance(INTERVAL)  # there is none yet
    path.write_bytes(bytes(LIMIT + 1))
    for _ in range(500):
        await clock.advance(INTERVAL)
        if not path.stat().st_size:
            break
        await asyncio.sleep(0.01)
    assert (path.stat().st_size, path.with_name("containerd.log.1").stat().st_size) == (0, LIMIT + 1)
    looking.cancel()
