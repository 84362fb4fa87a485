"""A small definition and its objects."""

import copy
from typing import Any

from tests.apiserver.harness import API

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = "crontabs.stable.example.com"
CRONTABS = "/apis/stable.example.com/v1/namespaces/default/crontabs"
Object = dict[str, Any]

SCHEMA: Object = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["cronSpec"],
            "properties": {
                "cronSpec": {"type": "string", "pattern": r"^\S+$"},
                "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
                "image": {"type": "string"},
                "steps": {
                    "type": "array",
                    "maxItems": 10,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "run": {"type": "string"}},
                    },
                },
            },
            "x-kubernetes-validations": [
                {"rule": "!has(self.image) || self.image != 'bad'", "message": "a bad image", "fieldPath": ".image"},
                {"rule": "self.cronSpec == oldSelf.cronSpec", "message": "cronSpec stays"},
            ],
        },
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}},
    },
}


def version(name: str = "v1", *, stored: bool = True, schema: Object | None = None, **more: Any) -> Object:
    """One version of a definition."""
    return {
        "name": name,
        "served": True,
        "storage": stored,
        "schema": {"openAPIV3Schema": copy.deepcopy(schema or SCHEMA)},
        **more,
    }


def definition(*versions: Object, plural: str = "crontabs", **spec: Any) -> Object:
    """The definition of CronTab."""
    kind = spec.pop("kind", "CronTab")
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, **spec.pop("names", {})}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.stable.example.com"},
        "spec": {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": list(versions) or [version()],
            **spec,
        },
    }


def crontab(name: str = "my", *, api: str = "v1", **spec: Any) -> Object:
    """A CronTab."""
    return {
        "apiVersion": f"stable.example.com/{api}",
        "kind": "CronTab",
        "metadata": {"name": name},
        "spec": {"cronSpec": "*/5", **spec},
    }


async def until(api: API, name: str, holds: Any) -> Object:
    """Wait until a definition is as it should be."""
    query = {"fieldSelector": f"metadata.name={name}", "resourceVersion": "0"}
    async with api.watch(DEFINITIONS, query=query) as events:
        async for event in events:
            if event["type"] in ("ADDED", "MODIFIED") and holds(event["object"]):
                found: Object = event["object"]
                return found
    raise AssertionError("the watch ended")


def condition(definition: Object, type: str) -> Object:
    """A condition of a definition; {} where there is none."""
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == type), {})


async def established(api: API, body: Object) -> Object:
    """Create a definition and wait for it."""
    await api.create(DEFINITIONS, body)
    name = body["metadata"]["name"]
    return await until(api, name, lambda found: condition(found, "Established").get("status") == "True")
