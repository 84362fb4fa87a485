"""Making room: unused images are removed when the disk gets full (docs: "Garbage Collection", Containers and images).

Dead containers are plan.py's business. Called by app.py.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.machine import Pressure, read_pressure

log = logging.getLogger(__name__)

INTERVAL = 300.0


async def collect_garbage(context: KubeletContext) -> None:
    """Every five minutes, until cancelled."""
    while True:
        await context.clock.sleep(INTERVAL)
        try:
            await collect_images(context)
        except (CRIError, OSError) as error:
            log.warning("images could not be collected: %s", error)


async def collect_images(context: KubeletContext) -> None:
    """Remove unused images if the disk is too full; raises CRIError, OSError."""
    excess = bytes_to_free(read_pressure(context.config), context.config.image_gc_high, context.config.image_gc_low)
    if excess <= 0:
        return
    used = {container.image_ref for container in await context.cri.list_containers()} | context.volumes.images_in_use
    for image in unused(await context.cri.list_images(), used):
        if excess <= 0:
            return
        log.info("removing the unused image %s to free %d bytes", (*image.repo_tags, image.id)[0], image.size)
        await context.cri.remove_image(image.id)
        excess -= image.size


def bytes_to_free(left: Pressure, high: int, low: int) -> int:
    """How much has to go to come down to `low` percent, once `high` percent are used; 0 below that."""
    used = left.disk_capacity - left.disk_available
    if used * 100 < left.disk_capacity * high:
        return 0
    return used - left.disk_capacity * low // 100


def unused(images: Iterable[Any], used: set[str]) -> Sequence[Any]:
    """Images that no container or volume refers to, the largest first; pinned ones (the pause image) stay."""
    free = [i for i in images if not i.pinned and not used & {i.id, *i.repo_digests, *i.repo_tags}]
    kept = [i for i in free if not any(tag.startswith("sampan.internal/") for tag in i.repo_tags)]
    return sorted(kept, key=lambda image: -image.size)
