"""Rotating container logs: at 10 MiB, five files per container (docs: "Logging Architecture", Log rotation).

0.log becomes 0.log.<time> and the runtime opens a new one; older ones are gzipped, the oldest removed. Called by
app.py.
"""

import asyncio
import gzip
import logging
import shutil
from pathlib import Path
from typing import Any

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.runtime import POD_NAME, POD_NAMESPACE, POD_UID

log = logging.getLogger(__name__)

INTERVAL = 10.0


async def rotate_logs(context: KubeletContext) -> None:
    """Every ten seconds, until cancelled."""
    while True:
        await context.clock.sleep(INTERVAL)
        try:
            containers = await context.cri.list_containers()
        except CRIError as error:
            log.warning("no log can be rotated: %s", error)
            continue
        for container in containers:
            try:
                await _rotate_if_long(context, container)
            except (CRIError, OSError) as error:  # one that can't be must not keep the others from it
                log.warning("the log of container %s could not be rotated: %s", container.id, error)


async def _rotate_if_long(context: KubeletContext, container: Any) -> None:
    path = log_of(context.config, container)
    if path is None or container.state != pb.CONTAINER_RUNNING or _size(path) <= context.config.log_max_size:
        return
    await rotate(context, container.id, path)


async def rotate(context: KubeletContext, container: str, path: Path) -> None:
    """Rotate the log of a running container; raises CRIError, OSError."""
    moment = f"{context.clock.now():%Y%m%d-%H%M%S}"
    aside = await asyncio.to_thread(_put_aside, path, moment, context.config.log_max_files)
    try:
        await context.cri.reopen_log(container)
    except CRIError:
        await asyncio.to_thread(aside.rename, path)  # the runtime still writes there
        raise


def log_of(config: KubeletConfig, container: Any) -> Path | None:
    """Where a container of ours (CRI's Container) logs; None for one that isn't a pod's."""
    labels = container.labels
    if POD_UID not in labels:
        return None
    directory = config.pod_log_dir(labels[POD_NAMESPACE], labels[POD_NAME], labels[POD_UID])
    return directory / str(container.metadata.name) / f"{container.metadata.attempt}.log"


def rotated(path: Path) -> list[Path]:
    """The older files of a log, the oldest first: their names end with the time."""
    return sorted(path.parent.glob(f"{path.name}.*"))


def _put_aside(path: Path, moment: str, max_files: int) -> Path:
    _make_room(path, max_files)
    return path.rename(path.with_name(f"{path.name}.{moment}"))


def _make_room(path: Path, max_files: int) -> None:
    """Leave place for two more: the one to be put aside and the new one. The newest old one stays readable as it is."""
    older = rotated(path)
    for surplus in older[: max(len(older) - (max_files - 2), 0)]:
        surplus.unlink()
    for file in rotated(path):
        if file.suffix != ".gz":
            _compress(file)


def _compress(file: Path) -> None:
    draft = file.with_name(f".{file.name}.gz")
    with file.open("rb") as source, gzip.open(draft, "wb") as target:
        shutil.copyfileobj(source, target)
    draft.rename(file.with_name(f"{file.name}.gz"))
    file.unlink()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
