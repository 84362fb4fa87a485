"""Write sampan/machinery/data/protobuf.json: field numbers of Kubernetes's protobuf messages, and nothing else of them.

    python tools/protobuf.py DIRECTORY...      those of the Go modules k8s.io/api, apimachinery, kube-aggregator and
                                               apiextensions-apiserver

(`go mod download -json k8s.io/api@v0.37.0` prints where a module lies.) What type a field has is known from the schema;
a message that the schema has spread over its parent ("inline" in Go) is written as "+NAME".
"""

import json
import re
import sys
from collections.abc import Container
from pathlib import Path

from sampan.machinery.schema import load

TARGET = Path(__file__).parent.parent / "sampan" / "machinery" / "data" / "protobuf.json"

_COMMENT = re.compile(r"//[^\n]*")
_PACKAGE = re.compile(r"^package ([\w.]+);", re.MULTILINE)
_MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^\s+(?:(?:optional|repeated|required) )?(map<[^>]+>|[\w.]+) (\w+) = (\d+);", re.MULTILINE)

Messages = dict[str, dict[str, tuple[str, str]]]  # message -> number -> (name, type)


def read(directory: Path) -> Messages:
    """All messages of the .proto files below a directory."""
    found: Messages = {}
    for path in sorted(directory.rglob("generated.proto")):
        text = _COMMENT.sub("", path.read_text())
        package = _PACKAGE.search(text)
        assert package, path
        for name, body in _MESSAGE.findall(text):
            found[_dotted(package[1], name)] = {
                number: (field, _dotted(package[1], type_)) for type_, field, number in _FIELD.findall(body)
            }
    return found


def _dotted(package: str, name: str) -> str:
    """`io.k8s.api.core.v1.Pod` of a name as it stands in a file of that package."""
    full = name.removeprefix(".") if name.startswith(".") or "." in name else f"{package}.{name}"
    full = full.replace("_apiserver", "-apiserver").replace("kube_aggregator", "kube-aggregator")
    return full.replace("k8s.io.", "io.k8s.", 1) if full.startswith("k8s.io.") else full


def fields(message: str, messages: Messages, known: frozenset[str]) -> dict[str, str]:
    """Number -> field name (or +message) of one message, as far as the schema has them."""
    schema = load().definition(message).fields if message in known else {}
    written = {}
    for number, (plain, type_) in messages[message].items():
        name = _json_name(plain, schema)
        if name in schema or message not in known:
            written[number] = name
        elif type_ in messages:
            written[number] = f"+{type_}"
    return written


def _json_name(plain: str, known: Container[str]) -> str:
    """A field as JSON has it: `$ref` is `ref` in protobuf, x-... is xKubernetes..., webhooks is Webhooks."""
    dashed = re.sub(r"(?<!^)([A-Z])", lambda match: "-" + match[1].lower(), plain)
    small = plain[:1].lower() + plain[1:]
    return next((name for name in (plain, f"${plain}", dashed, small) if name in known), plain)


def main() -> None:
    """Write the file."""
    messages: Messages = {}
    for argument in sys.argv[1:]:
        messages |= read(Path(argument))
    known = frozenset(name for name in messages if name in load())
    wanted = {name: fields(name, messages, known) for name in sorted(known)}
    for inline in sorted({field[1:] for message in wanted.values() for field in message.values() if field[0] == "+"}):
        wanted.setdefault(inline, fields(inline, messages, known))
    lines = [f"{json.dumps(name)}: {json.dumps(wanted[name], separators=(',', ':'))}" for name in sorted(wanted)]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
