"""IP forwarding, which pods need and which belongs to the whole machine: switched on once, given back by the last user.

The first cluster that needs it notes what it found in a file below /run, which a reboot clears along with the setting.
There is one for each network namespace, as there is one setting.
Called by network.py.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_SWITCH = Path("/proc/sys/net/ipv4/ip_forward")


def require_forwarding(run_dir: Path, user: str) -> None:
    """Switch forwarding on for `user`; may be repeated."""
    with _ledger(run_dir) as file:
        users, original = _read(file)
        current = _SWITCH.read_text().strip()
        if current != "1":
            original = current
            _SWITCH.write_text("1")
        _write(file, users | {user}, original)


def release_forwarding(run_dir: Path, user: str) -> None:
    """`user` needs forwarding no more. The last one puts back what the first one found, if it had to change it."""
    with _ledger(run_dir) as file:
        users, original = _read(file)
        users.discard(user)
        if not users and original is not None:
            _SWITCH.write_text(original)
            original = None
        _write(file, users, original)
        if not users:
            _path(run_dir).unlink()


def _path(run_dir: Path) -> Path:
    namespace = Path("/proc/thread-self/ns/net").stat().st_ino
    return run_dir / f"forwarding-{namespace}.json"


@contextmanager
def _ledger(run_dir: Path) -> Iterator[TextIO]:
    """The file, held against other clusters, which come and go at the same time."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path = _path(run_dir)
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:  # else its last user removed it while we waited
                yield file
                return


def _read(file: TextIO) -> tuple[set[str], str | None]:
    file.seek(0)
    kept, _ = json.JSONDecoder().raw_decode(file.read() or "{}")  # a writer killed half-way leaves a tail
    return set(kept.get("users", ())), kept.get("original")


def _write(file: TextIO, users: set[str], original: str | None) -> None:
    text = json.dumps({"users": sorted(users), "original": original})
    file.seek(0)
    file.write(text)
    file.truncate()
