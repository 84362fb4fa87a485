"""What Sampan is made of and how: the wheel, the list of its parts, the audit of the lock, programs without a shell."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.test_lock import pins
from tools import audit, sbom, wheel

ROOT = Path(__file__).parent.parent
PROJECT, LOCK = (ROOT / "pyproject.toml").read_text(), (ROOT / "requirements" / "install.txt").read_text()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository")
def test_a_commit_has_one_wheel(tmp_path: Path) -> None:
    """Whatever the checkout's umask, place and leftovers."""
    pytest.importorskip("setuptools")
    sums = set()
    for name, umask in (("one", 0o077), ("two", 0o002)):
        checkout = tmp_path / name / "sampan"
        subprocess.run(["git", "clone", "-q", ROOT, checkout], check=True, umask=umask)
        (checkout / "sampan" / f"left_over_{name}.py").touch()
        (checkout / "sampan" / "py.typed").touch()
        sums.add(hashlib.sha256(wheel.build(checkout, tmp_path / name).read_bytes()).hexdigest())
    assert len(sums) == 1


def test_the_bill_of_materials_is_the_lock() -> None:
    text = sbom.document(PROJECT, LOCK)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = json.loads(text)
    assert {part["name"]: part["version"] for part in found["components"]} == pins("install.txt")
    assert all(part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}" for part in found["components"])
    assert sbom.document(PROJECT, LOCK) == text


def test_the_bill_of_materials_says_what_asks_for_what() -> None:
    graph = {
        entry["ref"].partition("@")[0]: {ref.partition("@")[0] for ref in entry.get("dependsOn", ())}
        for entry in json.loads(sbom.document(PROJECT, LOCK))["dependencies"]
    }
    assert {"pkg:pypi/cryptography", "pkg:pypi/uvloop"} <= graph["pkg:pypi/sampan"]
    assert "pkg:pypi/cffi" in graph["pkg:pypi/cryptography"] and "pkg:pypi/cffi" not in graph["pkg:pypi/sampan"]


def test_without_a_network_the_audit_says_so_and_is_content() -> None:
    nowhere = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-m", "tools.audit"], cwd=ROOT, env=os.environ | nowhere, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.count("\n"), "not audited" in done.stdout) == (0, 1, True), done.stderr


@pytest.mark.parametrize(("vulnerable", "status"), [(True, 1), (False, 0)])
def test_what_is_known_to_be_vulnerable_fails_lint(
    vulnerable: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer: dict[str, Any] = {"name": "cffi", "version": "1.0", "vulns": []}
    if vulnerable:
        answer["vulns"] = [{"id": "CVE-2099-1", "fix_versions": ["1.1"]}]
    monkeypatch.setattr(audit, "audit", lambda text: [answer])
    assert audit.main(ROOT / "requirements" / "install.txt") == status
    assert ("cffi 1.0: CVE-2099-1, mended in 1.1" in capsys.readouterr().out) is vulnerable


@pytest.mark.parametrize(
    "line",
    [
        'subprocess.run("ls", shell=True)',
        'subprocess.Popen("ls", shell=1)',
        'os.system("ls")',
        'os.popen("ls")',
        'subprocess.getoutput("ls")',
        'asyncio.create_subprocess_shell("ls")',
    ],
)
def test_lint_refuses_a_shell(line: str) -> None:
    source = f"import asyncio\nimport os\nimport subprocess\n\nprint(asyncio, os, subprocess)\n{line}\n"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "-"],
        cwd=ROOT,
        input=source,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and any(rule in done.stdout for rule in ("S602", "S605", "TID251")), done.stdout
