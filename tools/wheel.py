"""Build Sampan's wheel, the same bytes for the same commit wherever it is built: `make wheel`.

Only what git has is in it, with the modes that git knows and the time of the commit (reproducible-builds.org,
SOURCE_DATE_EPOCH), whatever the checkout's umask, clock and leftovers are.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
_PARTS = ("sampan", "pyproject.toml", "README.md", "LICENSE")
_EXECUTABLE = "100755"  # git's mode of such a file; all others are plain


def build(root: Path, target: Path) -> Path:
    """Build the wheel of a checkout below `target`; returns its path. Raises CalledProcessError."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        stage(root, Path(scratch))
        script = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
        command = [sys.executable, "-c", script, str(target.absolute())]
        environment = os.environ | {"SOURCE_DATE_EPOCH": _git(root, "log", "-1", "--format=%ct").strip()}
        done = subprocess.run(command, cwd=scratch, env=environment, umask=0o022, capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            done.check_returncode()
    return target / done.stdout.splitlines()[-1]


def stage(root: Path, place: Path) -> None:
    """Copy what belongs into the wheel, and nothing that only happens to lie about."""
    for entry in _git(root, "ls-files", "-z", "--stage", "--", *_PARTS).split("\0")[:-1]:
        about, _, name = entry.partition("\t")
        copy = place / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, copy)
        copy.chmod(0o755 if about.startswith(_EXECUTABLE) else 0o644)


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    wheel = build(ROOT, ROOT / "dist")
    print(f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.relative_to(ROOT)}")
