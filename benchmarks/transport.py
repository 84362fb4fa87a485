"""The HTTP server beside a bare httptools protocol that only answers: requests per second, plain and with TLS.

Prints one JSON line. Needs `wrk`. Both run in one process each, on one core, with the same 1.5 kB body.
"""

import argparse
import asyncio
import json
import multiprocessing
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe

import httptools
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sampan.transport.messages import Request, Response
from sampan.transport.server import HTTPServer
from sampan.transport.tls import server_context

BODY = b'{"kind":"ConfigMap","apiVersion":"v1","data":{"x":"' + b"x" * 1450 + b'"}}'
SERVERS = ("bare", "sampan", "sampan-task")


class Bare(asyncio.Protocol):
    """The least that parses HTTP and answers: the upper bound in Python."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        self._transport.write(head + BODY)  # type: ignore[attr-defined]


def answer(request: Request) -> Response:
    """At once, as a read from the watch cache."""
    return Response(200, BODY)


async def answer_later(request: Request) -> Response:
    """In a task, as a write."""
    return Response(200, BODY)


async def serve(kind: str, context: ssl.SSLContext | None, pipe: Pipe) -> None:
    """One server until the pipe says otherwise; its port goes out first."""
    loop = asyncio.get_running_loop()
    if kind == "bare":
        listener = await loop.create_server(Bare, "127.0.0.1", 0, ssl=context)
        pipe.send(listener.sockets[0].getsockname()[1])
    else:
        server = HTTPServer(answer if kind == "sampan" else answer_later)
        pipe.send(await server.start("127.0.0.1", 0, context))
    await loop.run_in_executor(None, pipe.recv)


def run_server(kind: str, key_pair: tuple[bytes, bytes] | None, pipe: Pipe) -> None:
    """The entry of a server's process."""
    uvloop.run(serve(kind, server_context(*key_pair) if key_pair else None, pipe))


def measure(kind: str, key_pair: tuple[bytes, bytes] | None, seconds: int) -> float:
    """Requests per second with 32 connections."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=run_server, args=(kind, key_pair, theirs))
    process.start()
    try:
        url = (
            f"{'https' if key_pair else 'http'}://127.0.0.1:{ours.recv()}/api/v1/namespaces/default/configmaps/one?x=y"
        )
        headers = ["Accept: application/json", "User-Agent: wrk", "Authorization: Bearer abcdefghijklmnop"]
        command = ["wrk", "-t2", "-c32", f"-d{seconds}s", *(part for h in headers for part in ("-H", h)), url]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        ours.send(None)
        process.join()
    assert "Non-2xx" not in output, output
    return float(next(line for line in output.splitlines() if "Requests/sec" in line).split()[1])


def make_key_pair() -> tuple[bytes, bytes]:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), pem


def main() -> None:
    """Measure each server plain and with TLS, in turns, and print the best of the rounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    key_pair = make_key_pair()
    best: dict[str, float] = {}
    for _ in range(options.rounds):
        for kind in SERVERS:
            for scheme, pair in (("plain", None), ("tls", key_pair)):
                name = f"{kind}_{scheme}"
                best[name] = max(best.get(name, 0.0), measure(kind, pair, options.seconds))
    ratios = {
        f"ratio_{scheme}": round(best[f"sampan_{scheme}"] / best[f"bare_{scheme}"], 2) for scheme in ("plain", "tls")
    }
    print(
        json.dumps({"benchmark": "transport", "unit": "requests/s", **{k: round(v) for k, v in best.items()}, **ratios})
    )


if __name__ == "__main__":
    main()
