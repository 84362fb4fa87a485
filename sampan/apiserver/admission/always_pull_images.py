"""AlwaysPullImages: nobody uses an image of the node without the right to pull it. By flag.

Rule: docs, Admission Controllers, "AlwaysPullImages"; image volumes: KEP-4639.
"""

from collections.abc import Iterator

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, not_supported

_ALWAYS = "Always"
_SPEC = Path("spec")
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def mutate(services: Services, admission: Admission) -> None:
    """Have every image pulled."""
    if _brings_images(admission):
        for holder, field, _ in _pulls(admission.new):
            holder[field] = _ALWAYS


def validate(services: Services, admission: Admission) -> None:
    """Raises Forbidden where somebody has undone it."""
    if not _brings_images(admission):
        return
    for holder, field, path in _pulls(admission.new):
        if holder.get(field) != _ALWAYS:
            raise forbidden(admission, str(not_supported(path, holder.get(field) or "", [_ALWAYS])))


def _pulls(pod: Object) -> Iterator[tuple[Object, str, Path]]:
    """What names an image, its field for the policy, and the path to that."""
    for containers in _CONTAINERS:
        for index, container in enumerate(pod["spec"].get(containers) or ()):
            yield container, "imagePullPolicy", _SPEC.child(containers).index(index).child("imagePullPolicy")
    for index, volume in enumerate(pod["spec"].get("volumes") or ()):
        if image := volume.get("image"):
            yield image, "pullPolicy", _SPEC.child("volumes").index(index).child("image", "pullPolicy")


def _brings_images(admission: Admission) -> bool:
    """An update that names no new image is left alone."""
    return admission.old is None or not _images(admission.new) <= _images(admission.old)


def _images(pod: Object) -> set[str]:
    return {container.get("image") or "" for field in _CONTAINERS for container in pod["spec"].get(field) or ()}
