"""A file system layer of SQLite's (sqlite.org/vfs.html) that notes what is written, and fails when it is told to.

It stands before SQLite's own, in this process, and needs neither a compiler nor root. Files that Sampan itself writes
beside (the end record) are noted at Python's own calls. Nothing is held back: what a power loss would have left is
built from the notes afterwards, by power_loss.py.
"""

import _sqlite3
import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_WAL, _JOURNAL = 0x80000, 0x800  # SQLITE_OPEN_WAL, SQLITE_OPEN_MAIN_JOURNAL
_IOERR_FSYNC, _IOERR_WRITE = sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_WRITE

# Names as pointers: SQLite keeps more behind them.
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)


class _VFS(Structure):
    _fields_ = [
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _Open),
        ("delete", _Delete),
        ("others", c_void_p * 18),
    ]


class _Methods(Structure):
    _fields_ = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        ("others", c_void_p * 13),
    ]


Fails = Callable[[str, str], bool]  # whether a write or a sync of a file fails


def never(what: str, file: str) -> bool:
    """A disk that works."""
    return False


class Note(NamedTuple):
    """One thing that happened, in order."""

    what: str  # create, write, truncate, sync, unsynced (a sync that failed), delete, folder (a directory's sync), told
    file: str = ""
    offset: int = 0  # or size
    data: bytes = b""


class Recording:
    """What happened to the files of one directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[Note] = []
        self.fails: Fails = never
        self._known: set[str] = set()

    def concerns(self, path: str) -> bool:
        return Path(path).parent == self.folder

    def note(self, what: str, path: str, offset: int = 0, data: bytes = b"") -> None:
        name = Path(path).name
        if what == "delete":
            self._known.discard(name)
        elif name not in self._known:
            self._known.add(name)
            self.notes.append(Note("create", name))
        self.notes.append(Note(what, name, offset, data))

    def told(self, line: str) -> None:
        """Somebody has been told that this is stored."""
        self.notes.append(Note("told", line))

    def folder_synced(self) -> None:
        self.notes.append(Note("folder"))


class _Layer:
    """SQLite's default layer with a Recording before it."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        library = ctypes.CDLL(_sqlite3.__file__)  # and what it is linked with
        self._find, self._register, self._unregister = (
            getattr(library, f"sqlite3_vfs_{name}") for name in ("find", "register", "unregister")
        )
        self._find.restype = POINTER(_VFS)
        self._below = self._find(None)
        self._above = _VFS.from_buffer_copy(self._below.contents)
        self._above.name, self._above.open, self._above.delete = (
            b"recording",
            _Open(self._opened),
            _Delete(self._deleted),
        )
        self._methods: dict[int, tuple[_Methods, _Methods]] = {}
        self._paths: dict[int, str] = {}  # of open files, by their address
        self._new: set[int] = set()  # their first sync is their directory's, too

    def __enter__(self) -> None:
        self._register(ctypes.byref(self._above), 1)

    def __exit__(self, *_: object) -> None:
        self._register(self._below, 1)
        self._unregister(ctypes.byref(self._above))

    def _opened(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        there = Path(path).exists()
        code = self._below.contents.open(ctypes.addressof(self._below.contents), name, file, flags, out)
        if code == 0 and self.recording.concerns(path):
            self._paths[file] = path
            self._new.discard(file)
            if not there and flags & (_WAL | _JOURNAL):
                self._new.add(file)
            methods = c_void_p.from_address(file)
            assert methods.value
            methods.value = ctypes.addressof(self._wrapped(methods.value)[1])
        return code

    def _wrapped(self, address: int) -> tuple[_Methods, _Methods]:
        if address not in self._methods:
            below = _Methods.from_address(address)
            above = _Methods.from_buffer_copy(below)
            above.write = _Write(lambda file, data, size, offset: self._write(below, file, data, size, offset))
            above.truncate = _Truncate(lambda file, size: self._truncate(below, file, size))
            above.sync = _Sync(lambda file, flags: self._sync(below, file, flags))
            self._methods[address] = (below, above)
        return self._methods[address]

    def _deleted(self, vfs: int, name: int, sync: int) -> int:
        path = ctypes.string_at(name).decode()
        code = self._below.contents.delete(ctypes.addressof(self._below.contents), name, sync)
        if code == 0 and self.recording.concerns(path):
            self.recording.note("delete", path)
            if sync:
                self.recording.folder_synced()
        return int(code)

    def _write(self, below: _Methods, file: int, data: int, size: int, offset: int) -> int:
        path = self._paths[file]
        if self.recording.fails("write", path):
            return _IOERR_WRITE
        self.recording.note("write", path, offset, ctypes.string_at(data, size))
        return int(below.write(file, data, size, offset))

    def _truncate(self, below: _Methods, file: int, size: int) -> int:
        self.recording.note("truncate", self._paths[file], size)
        return int(below.truncate(file, size))

    def _sync(self, below: _Methods, file: int, flags: int) -> int:
        path = self._paths[file]
        if self.recording.fails("sync", path):
            self.recording.note("unsynced", path)
            return _IOERR_FSYNC
        code = int(below.sync(file, flags))
        self.recording.note("sync", path)
        if file in self._new:
            self._new.discard(file)
            self.recording.folder_synced()
        return code


@contextmanager
def recording(folder: Path) -> Iterator[Recording]:
    """Note what happens to the files of a directory, from now on."""
    found = Recording(folder)
    with pytest.MonkeyPatch.context() as patch:
        _note_python(patch, found)
        with _Layer(found):
            yield found


def _note_python(patch: pytest.MonkeyPatch, found: Recording) -> None:
    pwrite, fsync = os.pwrite, os.fsync

    def noted_pwrite(file: int, data: Any, offset: int) -> int:
        path = _path(file)
        if found.concerns(path):
            if found.fails("write", path):
                raise OSError(5, "Input/output error")
            found.note("write", path, offset, bytes(data))
        return pwrite(file, data, offset)

    def noted_fsync(file: int) -> None:
        path = _path(file)
        fsync(file)
        if path == str(found.folder):
            found.folder_synced()
        elif found.concerns(path):
            found.note("sync", path)

    patch.setattr(os, "pwrite", noted_pwrite)
    patch.setattr(os, "fsync", noted_fsync)


def _path(file: int) -> str:
    return str(Path(f"/proc/self/fd/{file}").readlink())
