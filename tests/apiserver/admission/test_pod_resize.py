"""What a node can't give to a pod that is resized."""

from types import SimpleNamespace
from typing import Any

import pytest

from sampan.apiserver.admission import pod_resize
from sampan.machinery.errors import Forbidden
from sampan.machinery.meta import Object

NODE = {"metadata": {"name": "n", "labels": {}}, "status": {"allocatable": {"cpu": "2", "memory": "1Gi"}}}
WINDOWS = {**NODE, "metadata": {"name": "n", "labels": {"kubernetes.io/os": "windows"}}}


def pod(cpu: str, memory: str = "1Mi", node: str | None = "n") -> Object:
    containers = [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]
    return {"metadata": {"name": "p"}, "spec": {"nodeName": node, "containers": containers}}


def resize(new: Object, old: Object, node: Object | None = NODE) -> None:
    services: Any = SimpleNamespace(find=lambda kind, namespace, name: node)
    call = SimpleNamespace(info=SimpleNamespace(name="p"))
    admission: Any = SimpleNamespace(
        new=new, obj=new, old=old, call=call, kind=SimpleNamespace(plural="pods", group="")
    )
    pod_resize.validate(services, admission)


def test_what_the_node_has_is_given() -> None:
    resize(pod("2", "1Gi"), pod("1"))
    resize(pod("9", node=None), pod("1", node=None))
    resize(pod("9"), pod("9"))


@pytest.mark.parametrize(
    ("new", "node", "why", "cause"),
    [
        (
            pod("3", "2Gi"),
            NODE,
            "node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000; "
            "memory, requested: 2147483648, allocatable: 1073741824",
            [{"reason": "NodeCapacity"}],
        ),
        (
            pod("1500m"),
            WINDOWS,
            'pod resize is only supported on linux nodes, node "n" is "windows"',
            [{"reason": "UnsupportedPlatform"}],
        ),
        (pod("2"), None, 'node "n" not found', None),
    ],
)
def test_what_it_has_not_is_refused(new: Object, node: Object | None, why: str, cause: Any) -> None:
    with pytest.raises(Forbidden) as refusal:
        resize(new, pod("1"), node)
    assert refusal.value.message == f'pods "p" is forbidden: {why}'
    assert refusal.value.details.get("causes") == cause
