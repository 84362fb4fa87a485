"""CustomResourceDefinitions that the tests of the kind write, and the errors they meet."""

from typing import Any

from tests.kinds.write import create_errors, stored

V1, OLD = "apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"
VALIDATION = "spec.validation.openAPIV3Schema"
STRING = {"type": "string"}
SHIRT = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"color": STRING}}}}


def version(name: str = "v1", schema: Any = SHIRT, **more: Any) -> dict[str, Any]:
    return {"name": name, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **more}


def crd(*versions: dict[str, Any], names: Any = None, **spec: Any) -> dict[str, Any]:
    body = {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "shirts", "kind": "Shirt", **(names or {})},
        "versions": list(versions) or [version()],
        **spec,
    }
    return {
        "apiVersion": V1,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{body['names']['plural']}.{body['group']}"},
        "spec": body,
    }


def schema_errors(schema: dict[str, Any], **more: Any) -> list[str]:
    return create_errors(crd(version(schema=schema, **more)))


def property_errors(schema: dict[str, Any]) -> list[str]:
    """The errors of a schema of one field, without the path to it."""
    told = schema_errors({"type": "object", "properties": {"x": schema}})
    return [error.removeprefix(f"{VALIDATION}.properties[x].") for error in told]


def established(manifest: dict[str, Any]) -> dict[str, Any]:
    made = stored(manifest)
    made["status"]["conditions"] = [{"type": "Established", "status": "True"}]
    return made
