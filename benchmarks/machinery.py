"""Microseconds of the pure steps that every write goes through, on a pod of 3 kB, with json.loads as the measure.

Kinds are loaded as the server loads them, so decoding includes all defaults.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from sampan.kinds.registry import builtin_catalogue
from sampan.machinery import jsonio, selectors
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.meta import Object
from sampan.machinery.openapi import Documents
from sampan.machinery.patches import strategic_merge_patch
from sampan.machinery.schema import Schema
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema
from sampan.machinery.tree import deep_copy

ROUNDS = 2000
POD = (Path(__file__).parent / "pod.json").read_bytes()
WEBSITE = (Path(__file__).parent / "website.json").read_bytes()  # a definition, and an object of it
PATCH = {
    "metadata": {"labels": {"tier": "back"}},
    "spec": {
        "$setElementOrder/containers": [{"name": "web"}, {"name": "sidecar"}],
        "containers": [{"name": "web", "image": "nginx:1.27", "env": [{"name": "LEVEL", "value": "debug"}]}],
    },
}


def per_call(work: Callable[[Any], object], prepare: Callable[[], Any]) -> float:
    """Microseconds of one call of `work`, on its own input each time; the best of three runs."""
    best = float("inf")
    for _ in range(3):
        inputs = [prepare() for _ in range(ROUNDS)]
        start = time.perf_counter()
        for item in inputs:
            work(item)
        best = min(best, (time.perf_counter() - start) / ROUNDS * 1e6)
    return round(best, 2)


def custom_resource(types: Schema) -> dict[str, float]:
    """Pruning, defaults and validation of a custom resource of some forty fields; and the schema's first object."""
    given = orjson.loads(WEBSITE)
    tree, body = given["definition"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"], orjson.dumps(given["object"])
    read_metadata = object_meta_reader(types)

    def accept(schema: ResourceSchema, obj: dict[str, Any]) -> None:
        schema.read(obj)
        schema.default(obj)
        if schema.validate(obj):
            raise ValueError("the website is invalid")

    start = time.perf_counter()
    known = ResourceSchema(tree, read_metadata)
    accept(known, orjson.loads(body))
    first = time.perf_counter() - start
    return {
        "custom_resource_us": per_call(lambda obj: accept(known, obj), lambda: orjson.loads(body)),
        "first_custom_resource_ms": round(first * 1e3, 1),
    }


def validation(catalogue: Catalogue) -> dict[str, float]:
    """All that is asked of a pod, and of a Deployment of such pods."""
    pod = orjson.loads(POD)
    labels = pod["metadata"]["labels"]
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod["spec"]}}
    deployment: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    return {f"validate_{sent['kind'].lower()}_us": validate(catalogue, sent) for sent in (pod, deployment)}


def validate(catalogue: Catalogue, sent: Object) -> float:
    """The declared rules and the hook of a kind."""
    served = catalogue.by_kind[sent["apiVersion"], sent["kind"]]
    obj, _ = catalogue.codec(served).decode(sent)
    rules, hook = catalogue.validator(served), served.kind.validate
    assert hook is not None
    return per_call(lambda obj: [*rules.errors(obj), *hook(obj)], lambda: obj)


def main() -> None:
    """Print one JSON line."""
    catalogue = builtin_catalogue()
    served = catalogue.by_kind["v1", "Pod"]
    codec, definition = catalogue.codec(served), catalogue.definition(served.version)
    selector = selectors.parse("app=web,tier!=back")
    labels = orjson.loads(POD)["metadata"]["labels"]
    start = time.perf_counter()
    Documents((served.kind,), catalogue.schema, "v1.37.0").v3("api/v1")
    openapi = time.perf_counter() - start
    result = {
        "benchmark": "machinery",
        "pod_bytes": len(POD),
        "json_loads_us": per_call(json.loads, lambda: POD),
        "parse_us": per_call(jsonio.parse_json, lambda: POD),
        "duplicates_us": per_call(jsonio.duplicate_fields, lambda: POD),
        "decode_and_default_us": per_call(codec.decode, lambda: orjson.loads(POD)),
        "deep_copy_us": per_call(deep_copy, lambda: orjson.loads(POD)),
        "strategic_patch_us": per_call(
            lambda obj: strategic_merge_patch(obj, PATCH, definition), lambda: orjson.loads(POD)
        ),
        "selector_us": per_call(selector.matches, lambda: labels),
        "openapi_of_pods_ms": round(openapi * 1e3, 1),
        **validation(catalogue),
        **custom_resource(catalogue.schema),
    }
    print(json.dumps(result))
