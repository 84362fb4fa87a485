"""Build the kubectl of a release of Kubernetes with Go: `python tools/build_kubectl.py 1.18.20 FILE`.

Releases differ in what they are built from. All of it is pinned in the release's own go.mod, which counts only where it
lies; a module made here takes the pins over. Called by tools/test-clients; nothing else in Sampan needs Go.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RELEASE = "k8s.io/kubernetes"
STAGED = "./staging/src/"
# Where release builds keep the version that the program says of itself, through the years.
VERSIONS = ("k8s.io/kubernetes/pkg/kubectl/version", "k8s.io/component-base/version", "k8s.io/client-go/pkg/version")

# Modules whose address is gone, and where they went.
MOVED = {"vbom.ml/util": "github.com/fvbommel/util"}


def go(directory: Path, *words: str) -> str:
    """What a Go command prints; raises CalledProcessError, its complaint is on stderr."""
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOWORK": "off"}
    done = subprocess.run(["go", *words], cwd=directory, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def replacements(modules: dict[str, Any], release: str) -> list[str]:
    """The flags of `go mod edit` that pin what a release pins; modules staged in its tree are published as v0.x."""
    staged = f"v0.{release.split('.', 1)[1]}"
    pins = {required["Path"]: required["Version"] for required in modules["Require"]}
    targets = {path: f"{path}@{staged}" for path, version in pins.items() if version == "v0.0.0"}  # of a workspace
    for replaced in modules.get("Replace") or ():
        old, new = replaced["Old"]["Path"], replaced["New"]
        here = new["Path"].startswith(STAGED)
        targets[old] = f"{old}@{staged}" if here else f"{new['Path']}@{new.get('Version', '')}"
    for old, path in MOVED.items():
        if pinned := targets.get(old, f"{old}@{pins[old]}" if old in pins else ""):
            targets[old] = f"{path}@{pinned.partition('@')[2]}"
    return [f"-replace={old}={target}" for old, target in targets.items()]


def build(release: str, target: Path) -> None:
    """Build into the file."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        go(directory, "mod", "init", "sampan.dev/kubectl")
        found = json.loads(go(directory, "mod", "download", "-json", f"{RELEASE}@v{release}"))
        modules = json.loads(go(directory, "mod", "edit", "-json", found["GoMod"]))
        go(directory, "mod", "edit", f"-require={RELEASE}@v{release}", *replacements(modules, release))
        flags = " ".join(f"-X {place}.gitVersion=v{release}" for place in VERSIONS)
        words = ("build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", str(target.resolve()))
        go(directory, *words, f"{RELEASE}/cmd/kubectl")


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
