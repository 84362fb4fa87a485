"""Write sampan/machinery/data/protobuf.json: the fields of Kubernetes's protobuf messages, and nothing else of them.

    python tools/protobuf.py DIRECTORY...      those of the Go modules k8s.io/api, apimachinery, kube-aggregator and
                                               apiextensions-apiserver; then those of older releases of k8s.io/api, for
                                               the versions that have been removed since (v0.31.14, v0.24.17,
                                               v0.17.17)

(`go mod download -json k8s.io/api@v0.37.2` prints where a module lies.) A message is taken from the first directory
that has it. Its fields, by number, are written as sampan/machinery/protobuf/messages.py reads them: names are those of
JSON, which the tags of the Go types tell.
"""

import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "sampan" / "machinery" / "data" / "protobuf.json"

_COMMENT = re.compile(r"//[^\n]*")
_PACKAGE = re.compile(r"^package ([\w.]+);", re.MULTILINE)
_MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(
    r"^\s+(?:(optional|repeated|required) )?(?:map<string, ([\w.]+)>|([\w.]+)) (\w+) = (\d+);", re.MULTILINE
)
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_TAGS = re.compile(r'^\t(?:\w+\s+)?([\w.*\[\]]+)\s+`(?=[^`]*protobuf:"\w+,(\d+),)[^`]*json:"([^"]*)"', re.MULTILINE)
_UNUSED = re.compile(r"k8s\.io\.(api\.imagepolicy|api\.admission\.|apimachinery\.pkg\.apis\.testapigroup)")

Messages = dict[str, dict[str, str]]  # message -> number -> field, as it is written
Tags = dict[str, tuple[str, str]]  # of a Go struct: number -> Go type and JSON tag


def read(directory: Path) -> Messages:
    """All messages of the .proto files below a directory."""
    found: Messages = {}
    for path in sorted(directory.rglob("generated.proto")):
        text = _COMMENT.sub("", path.read_text())
        package = _PACKAGE.search(text)
        assert package, path
        if not _UNUSED.match(package[1] + "."):
            tags = _tags(path.parent)
            for name, body in _MESSAGE.findall(text):
                found[_dotted(package[1], name)] = fields(package[1], body, tags.get(name))
    return found


def fields(package: str, body: str, tags: Tags | None) -> dict[str, str]:
    """The fields of a message by number; `tags` are those of its struct, None where the type is none (but a slice)."""
    return {
        number: f"{_name(plain, number, tags)} {_type(package, label, values, type_)}"
        for label, values, type_, plain, number in _FIELD.findall(body)
    }


def _tags(folder: Path) -> dict[str, Tags]:
    """The tags of all structs of a package."""
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.go")) if ".pb." not in path.name)
    return {
        struct: {number: (go, tag) for go, number, tag in _TAGS.findall(body)} for struct, body in _STRUCT.findall(text)
    }


def _name(plain: str, number: str, tags: Tags | None) -> str:
    """A field's name in JSON: with ! where an empty value is written in JSON, and + where it has none of its own."""
    go_type, tag = (tags or {}).get(number, ("", "" if tags is None and plain == "items" else plain))
    name, *options = tag.split(",")
    if not name or name == "-":
        return f"+{plain}"
    written = go_type and "omitempty" not in options
    return f"{name}!" if written or go_type.startswith("*") else name


def _type(package: str, label: str, values: str, type_: str) -> str:
    return f"{{}}{_relative(package, values)}" if values else ("[]" * (label == "repeated")) + _relative(package, type_)


def _relative(package: str, name: str) -> str:
    """A type as it is written: without the package where that is the message's own."""
    name = name.removeprefix(".")
    return name if "." not in name else _dotted(*name.rsplit(".", 1)).removeprefix(_dotted(package, ""))


def _dotted(package: str, name: str) -> str:
    """`io.k8s.api.core.v1.Pod`, as the field schema calls it."""
    full = f"{package}.{name}".replace("_apiserver", "-apiserver").replace("kube_aggregator", "kube-aggregator")
    return full.replace("k8s.io.", "io.k8s.", 1) if full.startswith("k8s.io.") else full


def main() -> None:
    """Write the file."""
    messages: Messages = {}
    for argument in reversed(sys.argv[1:]):
        messages |= read(Path(argument))
    lines = [f"{json.dumps(name)}: {json.dumps(messages[name], separators=(',', ':'))}" for name in sorted(messages)]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(lines)} messages, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
