"""requirements/, which `make lock` writes from pyproject.toml and everything is installed from."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
_PIN = re.compile(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M)


def pins(name: str) -> dict[str, str]:
    """Package -> version of a lock file; each of its lines is a pin with hashes, or a comment."""
    text = (ROOT / "requirements" / name).read_text()
    rest = re.sub(r"^ *#.*\n", "", _PIN.sub("", text), flags=re.M)
    assert not rest, f"neither a pin with hashes nor a comment: {rest[:200]}"
    return {canonicalize_name(package): version for package, version, _ in _PIN.findall(text)}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("install.txt", [*PROJECT["dependencies"], *EXTRAS["build"]]),
        ("dev.txt", [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]),
    ],
)
def test_the_lock_fits_what_the_package_asks_for(name: str, wanted: list[str]) -> None:
    locked = pins(name)
    for text in wanted:
        requirement = Requirement(text)
        version = locked.get(canonicalize_name(requirement.name), "")
        assert version and requirement.specifier.contains(version), f"{name} has {version!r} for {text}: run make lock"


def test_what_is_installed_is_part_of_what_is_developed_with() -> None:
    assert pins("install.txt").items() <= pins("dev.txt").items()


@pytest.mark.parametrize("name", ["install.txt", "dev.txt"])
def test_the_lock_names_no_index(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text and "-index" not in text and "--find-links" not in text
