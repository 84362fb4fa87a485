"""Whether a package of the lock has a known vulnerability: pip-audit over requirements/dev.txt, for `make lint`.

    python -m tools.audit [LOCK]

Says so in one line, and is content, where the database can't be asked (no network, or an index without one): lint has
to work on a train. One package is asked for first, so that this costs one question and not one for each.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.lockfile import pins

ROOT = Path(__file__).parent.parent
_PATIENCE = 120  # seconds
Answers = list[dict[str, Any]]  # pip-audit's, one for each package


def main(lock: Path) -> int:
    """The exit status: 1 if something is known to be vulnerable."""
    text = lock.read_text()
    first = next(pins(text))
    if not _answered(audit(first.text)):
        print("pip-audit: no database of vulnerabilities answers here, so the lock was not audited")
        return 0
    answers = audit(text)
    if answers is None:
        print("pip-audit: the database of vulnerabilities stopped answering, so the lock was not audited")
        return 0
    for line in findings(answers):
        print(line)
    return 1 if any(answer.get("vulns") for answer in answers) else 0


def audit(text: str) -> Answers | None:
    """What pip-audit finds in a lock of this text; None where it could not ask. Nothing is installed or resolved."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text)
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "-r", file.name, "--require-hashes", "--disable-pip"]
        words = [*command, "--progress-spinner", "off", "--timeout", "10", "-f", "json"]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return None
    if not done.stdout and "onnection" not in done.stderr and "imeout" not in done.stderr:
        raise SystemExit(f"pip-audit failed:\n{done.stderr}")
    found: Answers | None = json.loads(done.stdout)["dependencies"] if done.stdout else None
    return found


def _answered(answers: Answers | None) -> bool:
    return answers is not None and any("skip_reason" not in answer for answer in answers)


def findings(answers: Answers) -> list[str]:
    """A line for each vulnerability and for each package that nobody knew."""
    lines = [f"pip-audit: {a['name']}: {a['skip_reason']}" for a in answers if "skip_reason" in a]
    for answer in answers:
        for found in answer.get("vulns") or ():
            mended = ", ".join(found["fix_versions"]) or "no release yet"
            lines.append(f"{answer['name']} {answer['version']}: {found['id']}, mended in {mended}")
    return lines


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "requirements" / "dev.txt"))
