"""A container image from Debian packages: their closure, unpacked into one reproducible layer.

No installation scripts are run and no root is needed: packages are fetched by apt-get against an empty package
database, so the closure is complete whatever this machine has installed. Called by standins.py.
"""

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

# Where Debian 12's packages still ship into the pre-merge directories (the usrmerge transition)
MERGED = ("bin", "sbin", "lib", "lib64")
LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/", "usr/share/bash-completion/")


def cache_directory() -> Path:
    """Where packages and finished base images are kept between builds."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sampan"


def root_filesystem(packages: Sequence[str]) -> bytes:
    """An uncompressed tar of a root file system holding the packages and all they depend on."""
    archives = fetch(packages)
    members: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
    for info, content in _skeleton():
        members[info.name] = (info, content)
    for archive in archives:
        for info, content in _unpack(archive):
            members.setdefault(info.name, (info, content))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(members):
            info, content = members[name]
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def fetch(packages: Sequence[str]) -> list[Path]:
    """Download the packages with all they depend on; return the archives. Raises CalledProcessError."""
    digest = hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()[:16]
    work = cache_directory() / "debian" / digest
    (work / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    if not any(Path("/var/lib/apt/lists").glob("*Packages*")):
        _apt("update")
    options = {
        "Dir::State::status": work / "status",
        "Dir::Cache::archives": work / "archives",
        "APT::Install-Recommends": 0,
        "Debug::NoLocking": 1,
        "APT::Sandbox::User": "root",
    }
    _apt("install", "-y", "--download-only", *packages, *(f"-o{key}={value}" for key, value in options.items()))
    return sorted((work / "archives").glob("*.deb"))


def _apt(*arguments: str) -> None:
    subprocess.run(["apt-get", "-qq", *arguments], check=True, stdout=subprocess.DEVNULL)


def _unpack(archive: Path) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    done = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(archive)], check=True, stdout=subprocess.PIPE)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        for info in tar:
            info.name = _merged(info.name)
            if info.islnk():
                info.linkname = _merged(info.linkname)
            if not info.name or info.name in MERGED or info.name.startswith(LEFT_OUT):
                continue
            file = tar.extractfile(info) if info.isreg() else None
            yield _reproducible(info), file.read() if file else b""


def _merged(path: str) -> str:
    path = path.removeprefix("./").strip("/")
    return f"usr/{path}" if path.split("/")[0] in MERGED and "/" in path else path


def _skeleton() -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for name in MERGED:
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
        yield link, b""
    for name, mode in (("tmp", 0o1777), ("root", 0o700), ("etc", 0o755), ("var", 0o755), ("usr", 0o755)):
        directory = tarfile.TarInfo(name)
        directory.type, directory.mode = tarfile.DIRTYPE, mode
        yield directory, b""
    for name, text in (
        ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n"),
        ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ):
        file = tarfile.TarInfo(name)
        file.size = len(text)
        yield file, text.encode()


def _reproducible(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mtime = 0
    return info
