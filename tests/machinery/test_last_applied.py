"""From client-side apply to server-side apply and back."""

import json
from typing import Any

import pytest

from sampan.machinery import last_applied
from sampan.machinery.apply import apply
from sampan.machinery.errors import Conflict
from sampan.machinery.fieldtrees import compile_tree
from sampan.machinery.tracking import track_update
from tests.machinery.sample import DEPLOYMENT, definition

NOW = "2024-01-01T00:00:00Z"


def deployment(image: str, replicas: int = 1) -> Any:
    template = {"spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"replicas": replicas, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def client_side(image: str) -> Any:
    """What `kubectl apply` leaves."""
    made = deployment(image)
    made["metadata"]["annotations"] = {last_applied.ANNOTATION: json.dumps(deployment(image))}
    root = compile_tree(definition(DEPLOYMENT))
    track_update(root, None, made, api_version="apps/v1", manager="kubectl-client-side-apply", now=NOW)
    return made


def server_side(live: Any, wanted: Any, manager: str = "kubectl") -> Any:
    last: Any = last_applied.read(live)
    field = definition(DEPLOYMENT)
    return apply(live, wanted, definition=field, manager=manager, now=NOW, last_applied=last)


def test_kubectl_may_change_what_it_applied_by_itself() -> None:
    assert server_side(client_side("a"), deployment("b"))["spec"]["template"]["spec"]["containers"][0]["image"] == "b"


def test_others_may_not() -> None:
    with pytest.raises(Conflict, match='conflict with "kubectl-client-side-apply"'):
        server_side(client_side("a"), deployment("b"), "other")


def test_nor_may_kubectl_where_somebody_else_has_changed_it() -> None:
    live = client_side("a")
    scaled = {**live, "spec": {**live["spec"], "replicas": 5}, "metadata": dict(live["metadata"])}
    track_update(compile_tree(definition(DEPLOYMENT)), live, scaled, api_version="apps/v1", manager="hpa", now=NOW)
    with pytest.raises(Conflict) as caught:
        server_side(scaled, deployment("b", 3))
    assert caught.value.message == 'Apply failed with 1 conflict: conflict with "hpa" using apps/v1: .spec.replicas'


@pytest.mark.parametrize("text", ["", "{", "[" * 1000, '"x"'])
def test_an_annotation_that_is_none(text: str) -> None:
    assert not isinstance(last_applied.read({"metadata": {"annotations": {last_applied.ANNOTATION: text}}}), dict)


def test_the_annotation_follows_where_there_is_one() -> None:
    merged, applied = client_side("a"), deployment("<b>&")
    applied["metadata"]["annotations"] = {last_applied.ANNOTATION: "old", "x": "y"}
    last_applied.follow(merged, applied)
    text = merged["metadata"]["annotations"][last_applied.ANNOTATION]
    assert json.loads(text)["metadata"] == {"annotations": {"x": "y"}, "name": "d"}
    assert text.endswith("}\n") and "\\u003cb\\u003e\\u0026" in text
    bare = deployment("a")
    last_applied.follow(bare, applied)
    assert bare == deployment("a")


def test_an_annotation_that_would_be_too_large_goes() -> None:
    merged, applied = client_side("a"), deployment("b" * 300_000)
    last_applied.follow(merged, applied)
    assert merged["metadata"]["annotations"] == {}
