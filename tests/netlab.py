"""A machine of its own for network tests: a network namespace as the node, and others as pods and neighbours.

Sockets made with `open` live in the namespace they were made for and are used from the test like any other, so
servers and clients need no processes. Everything is removed at the end. Needs root.
"""

import asyncio
import ctypes
import os
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

GATEWAY = "10.244.0.1"


def in_namespace(name: str, work: Callable[[], T]) -> T:
    """The result of `work`, done by a thread that lives in the network namespace."""

    def enter_and_work() -> T:
        with Path(f"/run/netns/{name}").open() as file:
            if _libc.setns(file.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(enter_and_work).result()


class Lab:
    """The node and what hangs on it."""

    def __init__(self) -> None:
        self._prefix = f"lab{uuid.uuid4().hex[:8]}"
        self._namespaces: list[str] = []
        self._servers: list[socket.socket] = []
        self.node = self.namespace("node")
        self.ip(f"-n {self.node} link set lo up")
        self.sysctl("ip_forward", "1")
        # the kernel counts a redirect (for a hairpin) against the same limit as the errors that tests wait for
        self.sysctl("conf/all/send_redirects", "0")
        self.sysctl("conf/default/send_redirects", "0")

    def sysctl(self, name: str, value: str) -> None:
        in_namespace(self.node, lambda: Path(f"/proc/sys/net/ipv4/{name}").write_text(value))

    def namespace(self, name: str) -> str:
        full = f"{self._prefix}-{name}"
        self.ip(f"netns add {full}")
        self._namespaces.append(full)
        return full

    def ip(self, arguments: str) -> str:
        return subprocess.run(["ip", *arguments.split()], check=True, capture_output=True, text=True).stdout

    def pod(self, name: str, address: str) -> str:
        """A namespace that hangs on the node as the CNI plugin ptp would hang it."""
        return self.attach(name, address, f"route add {address} dev v{name} scope host", f"{GATEWAY}/32", GATEWAY)

    def neighbour(self, name: str, address: str, node_address: str) -> str:
        """A machine on the node's network, outside the cluster, that routes through the node."""
        return self.attach(name, address, f"route replace {address} dev v{name}", f"{node_address}/32", node_address)

    def attach(self, name: str, address: str, route: str, node_side: str, gateway: str) -> str:
        space = self.namespace(name)
        self.ip(f"-n {self.node} link add v{name} type veth peer name eth0 netns {space}")
        self.ip(f"-n {self.node} address add {node_side} dev v{name}")
        self.ip(f"-n {self.node} link set v{name} up")
        self.ip(f"-n {self.node} {route}")
        self.ip(f"-n {space} link set lo up")
        self.ip(f"-n {space} link set eth0 up")
        self.ip(f"-n {space} address add {address}/32 dev eth0")
        self.ip(f"-n {space} route add {gateway} dev eth0")
        self.ip(f"-n {space} route add default via {gateway}")
        return space

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of a coroutine on a loop of its own, in the node's namespace."""
        return in_namespace(self.node, lambda: asyncio.run(work()))

    def nft(self, script: str) -> str:
        command = ["ip", "netns", "exec", self.node, "nft", "-f", "-"]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr
        return done.stdout

    def open(self, space: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
        made = in_namespace(space, lambda: socket.socket(socket.AF_INET, kind))
        made.settimeout(3)
        return made

    def serve(self, space: str, address: str, port: int, answer: str, kind: int = socket.SOCK_STREAM) -> None:
        """Answer whoever connects (or sends a datagram) with `answer` and the address it came from."""
        server = self.open(space, kind)
        server.settimeout(None)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        if kind == socket.SOCK_STREAM:
            server.listen(64)
        self._servers.append(server)
        loop = _serve_stream if kind == socket.SOCK_STREAM else _serve_datagrams
        threading.Thread(target=loop, args=(server, answer), daemon=True).start()

    def ask(self, space: str, address: str, port: int, kind: int = socket.SOCK_STREAM, source: str = "") -> list[str]:
        """What a server says: [its answer, the address that it saw]. Raises OSError."""
        with self.open(space, kind) as client:
            if source:
                client.bind((source, 0))
            client.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                client.send(b"?")
            return client.recv(200).decode().split()

    def close(self) -> None:
        for server in self._servers:
            if server.type == socket.SOCK_STREAM:
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        for name in reversed(self._namespaces):
            self.ip(f"netns del {name}")


def _serve_stream(server: socket.socket, answer: str) -> None:
    while True:
        try:
            connection, peer = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(f"{answer} {peer[0]}".encode())


def _serve_datagrams(server: socket.socket, answer: str) -> None:
    while True:
        try:
            _, peer = server.recvfrom(100)
            server.sendto(f"{answer} {peer[0]}".encode(), peer)
        except OSError:
            return


@contextmanager
def lab() -> Iterator[Lab]:
    made = Lab()
    try:
        yield made
    finally:
        made.close()
