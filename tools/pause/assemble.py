"""`make pause`: assemble the pause programs into sampan/cluster/data/pause.json. Needs Debian's binutils,
and binutils-aarch64-linux-gnu or binutils-x86-64-linux-gnu for the processor that is not this machine's.

The file has, for each processor, the machine code and the hash of the source that it was made from, so that a source
which has changed since is noticed without an assembler.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent
TARGET = SOURCES.parents[1] / "sampan" / "cluster" / "data" / "pause.json"
MACHINES = ("aarch64", "x86_64")


def assembler(machine: str, tool: str = "as") -> str | None:
    """binutils' program for a processor; Debian names those of other ones by their triplet."""
    return shutil.which(f"{machine}-linux-gnu-{tool}")


def assemble(machine: str) -> bytes:
    """The machine code. Raises FileNotFoundError where there is no assembler, CalledProcessError."""
    names = [assembler(machine), assembler(machine, "objcopy")]
    if None in names:
        package = f"binutils-{machine.replace('_', '-')}-linux-gnu"
        raise FileNotFoundError(f"no assembler for {machine}: apt-get install {package}")
    with tempfile.TemporaryDirectory() as place:
        built, code = Path(place, "pause.o"), Path(place, "pause.bin")
        subprocess.run([str(names[0]), "-o", built, SOURCES / f"{machine}.s"], check=True)
        subprocess.run([str(names[1]), "-O", "binary", "-j", ".text", built, code], check=True)
        return code.read_bytes()


def source_hash(machine: str) -> str:
    """What tells one source from another."""
    return hashlib.sha256((SOURCES / f"{machine}.s").read_bytes()).hexdigest()


def main() -> int:
    """Write the file."""
    made = {name: {"code": assemble(name).hex(), "source": source_hash(name)} for name in MACHINES}
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(made, indent=1) + "\n")
    print(", ".join(f"{name}: {len(found['code']) // 2} bytes" for name, found in made.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
