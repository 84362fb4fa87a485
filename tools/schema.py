"""`make schema`: write sampan/machinery/data/schema.json, and the descriptions beside it, from the newest release that
kubernetes-validate carries.

Facts about the Go types come from tools/go_types.json, which tools/go_types.py writes.

The result has, for every definition of Kubernetes's OpenAPI document, field types and the facts that patches and
server-side apply need. One definition per line, so that a new release is a readable diff and so that the
loader can parse only what it is asked for. sampan/machinery/schema.py says what the lines mean.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate

TARGET = Path(__file__).parent.parent / "sampan" / "machinery" / "data" / "schema.json"
DESCRIPTIONS = TARGET.parent / "descriptions"
GO_TYPES = Path(__file__).parent / "go_types.json"

# Definitions whose Go types have their own way of reading JSON.
SPECIAL = {
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "micro-time",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "any",
}
EXTRAS = {
    "x-kubernetes-list-type": "list",
    "x-kubernetes-list-map-keys": "keys",
    "x-kubernetes-map-type": "map",
    "x-kubernetes-patch-strategy": "patch",
    "x-kubernetes-patch-merge-key": "mergeKey",
}


def newest() -> Path:
    """The definitions of the newest release in the package."""
    root = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    releases = [d for d in root.iterdir() if d.name.endswith("-local")]
    return max(releases, key=lambda d: [int(n) for n in d.name[1:].split("-")[0].split(".")]) / "_definitions.json"


def type_text(schema: dict[str, Any]) -> str:
    """A JSON schema as one word of the schema file's little type language."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        special = SPECIAL.get(name, name)
        return f"any({name})" if special == "any" else special
    declared = schema.get("type")
    kind = next((t for t in declared if t != "null"), "") if isinstance(declared, list) else declared
    if kind == "array":
        return "[]" + type_text(schema["items"])
    if kind == "object":
        return "{}" + type_text(schema["additionalProperties"]) if "additionalProperties" in schema else "any"
    if kind == "integer":
        return str(schema.get("format", "int64"))
    if kind == "string":
        return {"byte": "bytes", "date-time": "time"}.get(schema.get("format", ""), "string")
    return {"number": "double", "boolean": "boolean"}[str(kind)]


def field(name: str, schema: dict[str, Any], go: dict[str, Any] | None) -> str | dict[str, Any]:
    """A field: its type, with extras only where there are some. `go` is None where the Go type is not known."""
    extras = {short: schema[long] for long, short in EXTRAS.items() if long in schema}
    shown = type_text(schema)
    if go is None:
        # Without facts, an empty value is kept.
        return {"type": shown, "pointer": True, **extras}
    if name in go.get("pointer", ()):
        extras["pointer"] = True
    elif name not in go.get("omitzero", ()) and (is_struct(shown) or name in go.get("written", ())):
        extras["always"] = True
    if go_name := go.get("go", {}).get(name):
        extras["go"] = go_name
    if values := go.get("enum", {}).get(name):
        extras["enum"] = values
    return {"type": shown, **extras} if extras else shown


def is_struct(shown: str) -> bool:
    """Whether Go has a struct for a type: one is written even when it is empty, in spite of omitempty."""
    return ("." in shown and shown[0] not in "[{") or shown in ("time", "micro-time", "quantity", "int-or-string")


def definition(schema: dict[str, Any], go: dict[str, Any] | None) -> dict[str, Any]:
    """A definition: fields, the required ones, and its map type where it is atomic."""
    result: dict[str, Any] = {"fields": {name: field(name, f, go) for name, f in schema.get("properties", {}).items()}}
    if required := schema.get("required"):
        result["required"] = required
    if map_type := schema.get("x-kubernetes-map-type"):
        result["map"] = map_type
    return result


def render(source: Path) -> str:
    """The text of the data file."""
    found, go = json.loads(source.read_text())["$defs"], json.loads(GO_TYPES.read_text())
    lines = [
        f"{json.dumps(name)}: {json.dumps(definition(schema, go.get(name)), separators=(',', ':'), sort_keys=True)}"
        for name, schema in sorted(found.items())
        if name not in SPECIAL
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def descriptions(source: Path) -> dict[str, str]:
    """The texts of types and fields as JSON, by the prefix of their definitions: {name: [text, {field: text}]}."""
    places: dict[str, dict[str, Any]] = {}
    for name, schema in sorted(json.loads(source.read_text())["$defs"].items()):
        fields = {field: text for field, f in schema.get("properties", {}).items() if (text := f.get("description"))}
        text = schema.get("description", "")
        if text or fields:
            places.setdefault(name.rpartition(".")[0], {})[name] = [text, fields]
    return {place: json.dumps(texts, separators=(",", ":")) for place, texts in places.items()}


def write_descriptions(source: Path) -> None:
    """A compressed file per prefix, and no others."""
    DESCRIPTIONS.mkdir(exist_ok=True)
    for old in DESCRIPTIONS.iterdir():
        old.unlink()
    for place, text in descriptions(source).items():
        (DESCRIPTIONS / f"{place}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def main() -> int:
    """Write the files; say what they are made from."""
    source = newest()
    text = render(source)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text)
    write_descriptions(source)
    print(f"{text.count(chr(10)) - 2} definitions of {source.parent.name.split('-')[0]}, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
