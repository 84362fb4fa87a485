"""What Sampan consists of, as a CycloneDX 1.6 document (ECMA-424): `make sbom` writes dist/sbom.json.

Made from requirements/install.txt, which is what gets installed, and nothing else: the same lock gives the same bytes.
What the operating system brings (containerd, runc, nftables) is not in it, for that is the machine's choice.
"""

import json
import tomllib
import uuid
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tools.lockfile import Pin, pins

ROOT = Path(__file__).parent.parent
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "sbom:sampan")


def document(project: str, lock: str) -> str:
    """The document's text, from those of pyproject.toml and of the lock."""
    about = tomllib.loads(project)["project"]
    whole = _component(about["name"], about["version"], ComponentType.APPLICATION)
    found = list(pins(lock))
    parts = {pin.name: _component(pin.name, pin.version, ComponentType.LIBRARY) for pin in found}
    bom = Bom(components=parts.values(), serial_number=uuid.uuid5(_NAMESPACE, f"{about['version']}\n{lock}"))
    bom.metadata.component = whole
    for name, component in [(about["name"], whole), *parts.items()]:
        bom.register_dependency(component, [parts[pin.name] for pin in found if _asks(name, pin)])
    return _without_time(bom)


def _component(name: str, version: str, kind: ComponentType) -> Component:
    purl = PackageURL("pypi", name=name, version=version)
    return Component(name=name, version=version, type=kind, purl=purl, bom_ref=str(purl))


def _asks(name: str, pin: Pin) -> bool:
    """Whether a package is among those that a pin is for; "sampan[dev]" asks for Sampan."""
    return any(parent.partition("[")[0] == name for parent in pin.wanted_by)


def _without_time(bom: Bom) -> str:
    """A moment would be all that differs from run to run."""

    found = json.loads(JsonV1Dot6(bom).output_as_string())
    found["metadata"].pop("timestamp", None)
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    target = ROOT / "dist" / "sbom.json"
    target.parent.mkdir(exist_ok=True)
    text = document((ROOT / "pyproject.toml").read_text(), (ROOT / "requirements" / "install.txt").read_text())
    target.write_text(text)
    print(target.relative_to(ROOT))
