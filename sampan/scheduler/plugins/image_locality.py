"""ImageLocality: prefers nodes that have a pod's images already, the more so the larger they are.

An image counts for less while few nodes have it, so that one node is not flooded.
"""

from collections.abc import Sequence

from sampan.scheduler.framework import MAX_SCORE
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo, images_of
from sampan.scheduler.state import ClusterState

_MB = 1 << 20
_LEAST = 23 * _MB  # of images on the node, for any score
_MOST_PER_CONTAINER = 1000 * _MB  # beyond which there is no higher score


class ImageLocality:
    """A ClusterScore."""

    name = "ImageLocality"

    def scores(self, pod: PodInfo, state: ClusterState, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
        images = images_of(pod.spec)
        found = [found for image in images if (found := state.images.get(_normalized(image)))]
        if not found:
            return None
        total = len(state.nodes)
        spread = [(where, len(where) / total) for where in found]
        most = _MOST_PER_CONTAINER * len(images)
        return [_score(sum(int(where.get(node.name, 0) * share) for where, share in spread), most) for node in nodes]


def _score(size: int, most: int) -> int:
    return MAX_SCORE * (min(max(size, _LEAST), most) - _LEAST) // (most - _LEAST)


def _normalized(image: str) -> str:
    """With the tag that an image without one means."""
    return image if ":" in image.rpartition("/")[2] else image + ":latest"
