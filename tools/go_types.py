"""Write tools/go_types.json: what Kubernetes's Go types say that its OpenAPI document does not.

    python tools/go_types.py api apimachinery kube-aggregator apiextensions-apiserver     (source trees of one release)

For every definition: `pointer`, the fields that are Go pointers, whose empty values are kept; `written`, those that are
none and lack omitempty, so that Go writes them always; `omitzero`, those whose empty structs are left out; `go`, the
fields whose Go types have names of their own, which error messages show; `enum`, the values of fields of enumerated
types. These facts hardly ever change for a released type. tools/schema.py merges them into the field schema.
"""

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).parent / "go_types.json"
META = "io.k8s.apimachinery.pkg.apis.meta.v1"
# Types beside the core API's; the folder is that of the module that the argument names.
SERVERS = ("kube-aggregator.pkg.apis.apiregistration.v1", "apiextensions-apiserver.pkg.apis.apiextensions.v1")

_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"^type (\w+) (?!struct|interface)\S+$", re.MULTILINE)
_ENUM = re.compile(r"^// \+enum\n(?://.*\n)*type (\w+) string$", re.MULTILINE)
_CONSTANT = re.compile(r'^(?:const)?\s*\w+\s+(\w+)\s*=\s*"([^"]*)"', re.MULTILINE)
_FIELD = re.compile(r'^\t(?:(\w+)\s+)?([\w.*\[\]]+)\s+`[^`]*json:"([^"]*)"', re.MULTILINE)


class Package(NamedTuple):
    """A Go package of API types: its structs' bodies and the names of its other types."""

    name: str
    structs: dict[str, str]
    named: frozenset[str]
    enums: dict[str, list[str]]


class GoField(NamedTuple):
    """A field of a Go struct as its tag describes it."""

    name: str
    go_type: str
    options: tuple[str, ...]


def read(folder: Path) -> Package:
    """The types of a package."""
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*types*.go")))
    enums: dict[str, list[str]] = {name: [] for name in _ENUM.findall(text)}
    for name, value in _CONSTANT.findall(text):
        if name in enums and value not in enums[name]:
            enums[name].append(value)
    return Package(folder.name, dict(_STRUCT.findall(text)), frozenset(_NAMED.findall(text)), enums)


def fields(package: Package, struct: str) -> list[GoField]:
    """The JSON fields of a struct; those of embedded structs belong to the outer one."""
    found = []
    for name, go_type, tag in _FIELD.findall(package.structs[struct]):
        json_name, *options = tag.split(",")
        inner = go_type.lstrip("*").rpartition(".")[2]
        if json_name and json_name != "-":
            found.append(GoField(json_name, go_type, tuple(options)))
        elif not json_name and not name and inner in package.structs:
            found += fields(package, inner)
    return found


def facts(package: Package, core: Package, struct: str) -> dict[str, object]:
    """What is worth knowing of one struct."""
    listed = fields(package, struct)
    plain = [field for field in listed if not field.go_type.startswith("*")]
    result = {
        "pointer": [field.name for field in listed if field.go_type.startswith("*")],
        "written": [field.name for field in plain if "omitempty" not in field.options],
        "omitzero": [field.name for field in plain if "omitzero" in field.options],
        "go": {field.name: shown for field in listed if (shown := go_name(package, field.go_type.lstrip("*")))},
        "enum": {field.name: sorted(values) for field in listed if (values := enum(package, core, field.go_type))},
    }
    return {key: value for key, value in result.items() if value}


def go_name(package: Package, go_type: str) -> str:
    """The qualified name of a type that is neither a struct nor built in; "" for all others."""
    item = go_type.removeprefix("[]")
    if item in package.named:
        return go_type.replace(item, f"{package.name}.{item}")
    return go_type if item.startswith("types.") else ""


def enum(package: Package, core: Package, go_type: str) -> list[str]:
    """The values of an enumerated type, of a list of one, or of one of the core group."""
    qualifier, _, name = go_type.removeprefix("[]").lstrip("*").rpartition(".")
    return (core if qualifier in ("v1", "corev1") else package).enums.get(name, [])


def definitions(api: Path, apimachinery: Path, *servers: Path) -> dict[str, dict[str, object]]:
    """Facts by definition name, in order."""
    folders = {f"io.k8s.api.{f.parent.parent.name}.{f.parent.name}": f.parent for f in api.glob("*/*/types.go")}
    folders[META] = apimachinery / "pkg" / "apis" / "meta" / "v1"
    for name, root in zip(SERVERS, servers, strict=True):
        folders[f"io.k8s.{name}"] = root.joinpath(*name.split(".")[1:])
    core = read(api / "core" / "v1")
    result = {}
    for prefix, folder in sorted(folders.items()):
        package = read(folder)
        for struct in sorted(package.structs):
            result[f"{prefix}.{struct}"] = facts(package, core, struct)
    return result


def main() -> int:
    """Write the file, one definition per line."""
    found = definitions(*map(Path, sys.argv[1:]))
    lines = [f"{json.dumps(name)}: {json.dumps(about, separators=(',', ':'))}" for name, about in found.items()]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(lines)} definitions, {TARGET.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
