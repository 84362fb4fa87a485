"""Attaching to a container that ends meanwhile.

The runtime notes an end a little after it came. Until then it lets clients attach, to nothing: they get no output and a
good end, and never think of reading the log, which has all. So the process is looked at, last when the runtime has
accepted the client's streams and nothing has been passed on yet; if it is gone, the connection breaks off. Clients take
that for what it is, a failure to attach, and kubectl shows the log instead. Called by streams.py.
"""

from pathlib import Path

from sampan.transport.messages import Connection, Reply, Upgrade


def is_alive(pid: int) -> bool:
    """Whether a process has not ended (proc(5)); 0 is one that is not known."""
    if not pid:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X")


def attached(reply: Reply, pid: int) -> Reply:
    """The reply to an attach, good only if the container's main process lives until its streams are there."""
    if not isinstance(reply, Upgrade):
        return reply
    handler = reply.handler

    async def run(connection: Connection) -> None:
        await handler(_Attaching(connection, pid))

    return Upgrade(run, reply.headers)


class _Attaching:
    """The client's connection, that breaks where the first bytes for it come too late."""

    def __init__(self, connection: Connection, pid: int) -> None:
        self._connection, self._pid = connection, pid

    async def read(self) -> bytes:
        return await self._connection.read()

    async def write(self, data: bytes) -> None:
        if not is_alive(self._pid):
            raise ConnectionResetError("the container has ended")
        self._pid = 0  # from now on it may end: what it writes, the client gets
        await self._connection.write(data)

    async def write_eof(self) -> None:
        await self._connection.write_eof()

    async def close(self) -> None:
        await self._connection.close()
