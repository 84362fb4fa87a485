"""What a power loss leaves of what recording.py has noted: all that was synchronized, and any part of the rest.

Harsher than any disk: what was not synchronized is there, or not, in any order, in sectors of 512 bytes; a name is
there once its directory was synchronized. What a failed fsync covered may be lost although a later one succeeds,
for the kernel drops such pages (https://wiki.postgresql.org/wiki/Fsync_Errors).
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.storage.recording import Note

SECTOR = 512


class _File:
    """An inode: what is on the disk, and what has not been asked to be."""

    def __init__(self) -> None:
        self.disk = bytearray()
        self.pending: list[Note] = []

    def take(self, notes: Sequence[Note]) -> None:
        for note in notes:
            if note.what == "truncate":
                del self.disk[note.offset :]
                self.disk.extend(bytes(note.offset - len(self.disk)))
                continue
            end = note.offset + len(note.data) * (note.what == "grow")
            self.disk.extend(bytes(max(0, end - len(self.disk))))
            if note.what == "grow":
                continue
            self.disk[note.offset : note.offset + len(note.data)] = note.data

    def synced(self) -> None:
        self.take(self.pending)
        self.pending.clear()

    def lose(self, some: "Some") -> None:
        self.take([part for note in self.pending for part in some(note)])
        self.pending.clear()


Some = Callable[[Note], Sequence[Note]]  # what has come to the disk of something that was not synchronized


def all_of_it(note: Note) -> Sequence[Note]:
    """After kill -9: the kernel has everything."""
    return (note,)


def nothing(note: Note) -> Sequence[Note]:
    return ()


def any_part(chance: random.Random) -> Some:
    """Whole, not at all, the new size without the data, or torn."""

    def some(note: Note) -> Sequence[Note]:
        kind = chance.randrange(4)
        if kind < 2 or note.what != "write":
            return (note,) * (kind % 2)
        if kind == 2:
            return (note._replace(what="grow"),)
        return [sector for sector in _sectors(note) if chance.random() < 0.5]

    return some


def _sectors(note: Note) -> Sequence[Note]:
    end, starts = note.offset + len(note.data), [note.offset]
    starts += range((note.offset // SECTOR + 1) * SECTOR, end, SECTOR)
    return [
        note._replace(offset=start, data=note.data[start - note.offset : stop - note.offset])
        for start, stop in zip(starts, [*starts[1:], end], strict=True)
    ]


def image(notes: Sequence[Note], folder: Path, some: Some, chance: random.Random) -> None:
    """Write into a folder what is left after these notes."""
    names: dict[str, list[_File | None]] = {}  # by name: what it may stand for, the oldest is on the disk
    for note in notes:
        files = names.setdefault(note.file, [None]) if note.what not in ("told", "folder") else []
        if note.what == "create":
            files.append(_File())
        elif note.what == "delete":
            files.append(None)
        elif note.what == "folder":
            names = {name: files[-1:] for name, files in names.items()}
        elif note.what != "told":
            file = files[-1]
            assert file is not None
            _happens(file, note, some)
    for name, files in names.items():
        kept = files[-1] if some is all_of_it else files[0] if some is nothing else chance.choice(files)
        if kept is not None:
            kept.lose(some)
            (folder / name).write_bytes(kept.disk)


def _happens(file: _File, note: Note, some: Some) -> None:
    if note.what == "sync":
        file.synced()
    elif note.what == "unsynced":
        file.lose(some)
    else:
        file.pending.append(note)
