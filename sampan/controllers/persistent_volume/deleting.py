"""Deletes a volume whose policy is Delete: what it stands for, then the object.

Of a hostPath volume that is a directory below /tmp of the machine that the controllers run on, as upstream has it, for
development. Everybody may write below /tmp, so no symbolic link is followed on the way. Rules: upstream's
deleteVolumeOperation and hostPathDeleter.
"""

import asyncio
import os
import shutil
import stat
from contextlib import suppress
from pathlib import PurePosixPath

from sampan.controllers.persistent_volume.deleters import deleter_of
from sampan.controllers.persistent_volume.hands import Hands
from sampan.controllers.persistent_volume.marks import IN_TREE_FINALIZER
from sampan.controllers.persistent_volume.step import Step, Write
from sampan.controllers.persistent_volume.volume import failed
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Object
from sampan.machinery.tree import REMOVED, get_path, with_changes

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


async def delete(hands: Hands, volume: Object) -> None:
    """Delete it if that is ours to do; a volume that can't be deleted is Failed, and says why."""
    deleter = deleter_of(volume)
    if deleter.problem:
        await hands.take(failed(volume, "VolumeFailedDelete", deleter.problem))
    if not deleter.is_ours or (fresh := await hands.read_if_released(volume)) is None:
        return
    if problem := await _delete_storage(fresh):
        await hands.take(failed(fresh, "VolumeFailedDelete", problem))
        return
    await _delete_object(hands, fresh)


async def _delete_object(hands: Hands, volume: Object) -> None:
    meta = volume["metadata"]
    with suppress(NotFound):
        if IN_TREE_FINALIZER in (meta.get("finalizers") or ()):
            left = [name for name in meta["finalizers"] if name != IN_TREE_FINALIZER]
            freed = with_changes(volume, {("metadata", "finalizers"): left or REMOVED})
            await hands.take(Step(Write(VOLUME, freed)))
        await hands.client.delete(VOLUME, meta["name"], uid=meta["uid"])


async def _delete_storage(volume: Object) -> str:
    """What went wrong; empty where nothing did."""
    path = get_path(volume, ("spec", "hostPath", "path"))
    if path is None:
        name = volume["metadata"]["name"]
        return f'failed to create deleter for volume "{name}": spec.PersistentVolumeSource.HostPath is nil'
    return await asyncio.to_thread(remove_below_tmp, str(path))


def remove_below_tmp(path: str) -> str:
    """Remove a file, or a directory with all that is in it; says what went wrong. What is not there is removed."""
    parts = PurePosixPath(path).parts
    if parts[:2] != ("/", "tmp") or len(parts) < 3 or ".." in parts or "\0" in path:
        return f"host_path deleter only supports /tmp/.+ but received provided {path}"
    try:
        _remove("/tmp", parts[2:])
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{error.strerror or error}: {path}"
    return ""


def _remove(start: str, parts: tuple[str, ...]) -> None:
    where = os.open(start, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            below = os.open(part, _DIRECTORY, dir_fd=where)
            os.close(where)
            where = below
        if stat.S_ISDIR(os.stat(parts[-1], dir_fd=where, follow_symlinks=False).st_mode):
            shutil.rmtree(parts[-1], dir_fd=where)
        else:
            os.unlink(parts[-1], dir_fd=where)
    finally:
        os.close(where)
