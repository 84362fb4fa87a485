"""Requests and limits for containers that name none. Pure but for the pod, which is private."""

from collections.abc import Iterable, Iterator

from sampan.machinery.meta import Object

ANNOTATION = "kubernetes.io/limit-ranger"


def fill_in(pod: Object, limit_range: Object) -> None:
    """Give each container what it lacks, and note in an annotation what that was."""
    given = _defaults(limit_range["spec"].get("limits") or ())
    notes = [
        note
        for field, word in (("containers", "container"), ("initContainers", "init container"))
        for container in pod["spec"].get(field) or ()
        for note in _fill_in(container, given, word)
    ]
    if notes:
        annotations = pod["metadata"].get("annotations") or {}
        pod["metadata"]["annotations"] = {**annotations, ANNOTATION: f"LimitRanger plugin set: {'; '.join(notes)}"}


def _defaults(items: Iterable[Object]) -> dict[str, Object]:
    of_containers = [item for item in items if item.get("type") == "Container"]
    given: dict[str, Object] = {"requests": {}, "limits": {}}
    for item in of_containers:
        given["requests"].update(item.get("defaultRequest") or {})
        given["limits"].update(item.get("default") or {})
    return given


def _fill_in(container: Object, given: dict[str, Object], word: str) -> Iterator[str]:
    resources = container.get("resources") or {}
    for field, noun in (("requests", "request"), ("limits", "limit")):
        own = resources.get(field) or {}
        if missing := {name: amount for name, amount in given[field].items() if name not in own}:
            resources = {**resources, field: {**own, **missing}}
            yield f"{', '.join(sorted(missing))} {noun} for {word} {container['name']}"
    if resources:
        container["resources"] = resources
