"""Why a start failed, in words that name the file, the cause and the command that mends it.

`explain` is pure. Called by server.py for whatever ends a start, and by `sampan up` for what goes wrong before.
"""

import errno
import re
import ssl
from collections.abc import Callable, Mapping

from sampan.storage.protocol import StoreError, StoreFull, StoreInUse

_Advice = Callable[[str], str]  # of a file

_BY_ERRNO: Mapping[int, _Advice] = {
    errno.ENOSPC: lambda file: f"Free some space where it is, and start again:\n    df -h {_folder(file)}",
    errno.EDQUOT: lambda file: f"Free some of your quota where it is, and start again:\n    df -h {_folder(file)}",
    errno.EROFS: lambda file: (
        f"See what is mounted there, make it writable, and start again:\n    findmnt -T {_folder(file)}"
    ),
    errno.EISDIR: lambda file: f"A file belongs there. Move the directory away:\n    mv {file} {file}.moved",
    errno.ENOTDIR: lambda file: f"Part of it is a file where a directory belongs:\n    namei -l {file}",
    errno.EEXIST: lambda file: f"A directory belongs there. Move the file away:\n    mv {file} {file}.moved",
    errno.ENOENT: lambda file: f"Something that belongs on the way to it is missing:\n    namei -l {file}",
    errno.EACCES: lambda file: f"As its owner, allow it:\n    chmod u+rwX {file}\n{_own(file)}",
    errno.EPERM: lambda file: f"It is somebody else's, or protected. Make it yours:\n    sudo chown -R $(id -u) {file}",
    errno.ELOOP: lambda file: f"A link on the way leads to itself:\n    namei -l {file}",
    errno.EIO: lambda file: "The disk fails to read or write it:\n    dmesg | tail",
    errno.EMFILE: lambda file: "This process may not open more files. Raise the limit:\n    ulimit -Hn",
    errno.ENFILE: lambda file: "This machine may not open more files. Raise the limit:\n    sysctl fs.file-max",
}
_ADDRESS = re.compile(r"bind on address \('([^']*)', (\d+)")


def explain(error: BaseException, directory: str) -> str:
    """What is wrong, for people; `directory` is the cluster's, for errors that name no file."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, StoreError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    if isinstance(error, StoreFull):
        file, number = f"{directory}/store.db", errno.EACCES if "readonly" in str(error) else errno.ENOSPC
        return f"{error}. {_BY_ERRNO[number](file)}"
    if isinstance(error, StoreInUse):
        return f"{error}:\n    fuser -v {directory}/store.db"
    if isinstance(error, ssl.SSLError) or not isinstance(error, OSError) or error.errno is None:
        return str(error) if _speaks(error) else ": ".join(filter(None, (type(error).__name__, str(error))))
    if found := _ADDRESS.search(str(error)):
        return _address(error, *found.groups())
    return _file(error, error.filename2 or error.filename or directory)


def _file(error: OSError, file: object) -> str:
    name = file.decode(errors="replace") if isinstance(file, bytes) else str(file)
    advice = _BY_ERRNO.get(error.errno or 0)
    cause = error.strerror or str(error)
    return f"{name}: {cause}" if advice is None else f"{name}: {cause}. {advice(name)}"


def _address(error: OSError, host: str, port: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use by another process. Find it, and end it:\n    ss -ltnp sport = :{port}"
    return f"{host} is no address of this machine any more. It has these:\n    ip -brief address"


def _own(file: str) -> str:
    return f"Where it is somebody else's, make it yours:\n    sudo chown -R $(id -u) {file}"


def _folder(file: str) -> str:
    return file.rpartition("/")[0] or "/"


def _speaks(error: BaseException) -> bool:
    """Whether an error's text was made for people: our own classes', which say what to do."""
    return type(error).__module__.startswith("sampan.")
