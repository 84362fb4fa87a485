"""The DNS server: UDP and TCP sockets in front of a Responder.

UDP queries are read in batches and answered at once where no waiting is needed, most of them by one look-up in the
cache; only what goes to a resolver becomes a task. Started by cluster/, reached through Service kube-system/kube-dns
(objects.py). All tasks are children of `run`.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.dns.cache import AnswerCache
from sampan.dns.config import DNSConfig
from sampan.dns.follow import Follower
from sampan.dns.forward import Forwarder
from sampan.dns.resolvconf import Upstreams
from sampan.dns.responder import Responder
from sampan.dns.zone import Zone
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

_BATCH = 64  # queries answered before other work gets its turn
_UDP_READ = 4096
_RECEIVE_BUFFER = 1 << 21
_MOST_CONNECTIONS = 500  # over TCP, of all clients
_MOST_OF_A_CLIENT = 50  # of one address, so that those which stand idle leave room to others
_IDLE_SECONDS = 10.0


class DNSServer:
    """Serves the cluster's names on every address of `config.listen`."""

    def __init__(self, client: Client, config: DNSConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._cache = AnswerCache()
        self._zone = Zone(config.domain, (config.service_cidr, config.pod_cidr))
        self._informers = Informers(client, sleep=clock.sleep)
        self._follower = Follower(self._informers, self._zone, self._cache, config)
        self._connections: Counter[str] = Counter()  # over TCP, of each client

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; `ready` is called when all names are known and sockets open. Raises OSError."""
        async with asyncio.TaskGroup() as group:
            self._informers.run(group)
            await self._informers.synced()
            forwarder = Forwarder(Upstreams(self._config, self._clock), self._clock, group)
            self._responder = Responder(self._zone, self._cache, forwarder, self._config)
            self._group = group
            with ExitStack() as sockets:
                for host, port in self._config.listen:
                    sockets.enter_context(self._serve_udp(host, port))
                    group.create_task(self._serve_tcp(_listener(host, port)))
                ready()
                await asyncio.get_running_loop().create_future()

    # UDP

    @contextmanager
    def _serve_udp(self, host: str, port: int) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setblocking(False)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            udp.bind((host, port))
            loop.add_reader(udp, self._read_udp, udp)
            try:
                yield
            finally:
                loop.remove_reader(udp)

    def _read_udp(self, udp: socket.socket) -> None:
        cached = self._cache.get
        for _ in range(_BATCH):
            try:
                query, client = udp.recvfrom(_UDP_READ)
            except OSError:  # nothing more to read, or ICMP's word that a client went away
                return
            answer = cached(query[2:])
            if answer is not None:
                _send(udp, query[:2] + answer, client)
            else:
                self._answer_udp(udp, query, client)

    def _answer_udp(self, udp: socket.socket, query: bytes, client: tuple[str, int]) -> None:
        answer = self._responder.at_once(query, tcp=False)
        if answer is None:
            self._group.create_task(self._answer_udp_later(udp, query, client))
        elif answer:
            _send(udp, answer, client)

    async def _answer_udp_later(self, udp: socket.socket, query: bytes, client: tuple[str, int]) -> None:
        try:
            _send(udp, await self._responder.later(query, tcp=False), client)
        except Exception:
            log.exception("a query could not be answered: %r", query)

    # TCP (RFC 7766)

    async def _serve_tcp(self, listener: socket.socket) -> None:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._group.create_task(self._converse(reader, writer))

        async with await asyncio.start_server(accept, sock=listener) as server:
            await server.serve_forever()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = str((writer.get_extra_info("peername") or [""])[0])  # none where it is already gone
        if self._connections[client] >= _MOST_OF_A_CLIENT or self._connections.total() >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections[client] += 1
        try:
            await self._answer_tcp(reader, writer)
        except (OSError, EOFError):
            return  # the client went away, or stood idle
        except Exception:
            log.exception("a query over TCP could not be answered")
        finally:
            self._connections -= Counter((client,))  # and nothing is kept of clients without any
            writer.close()

    async def _answer_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(_IDLE_SECONDS):
                length = int.from_bytes(await reader.readexactly(2), "big")
                query = await reader.readexactly(length)
            answer = self._responder.at_once(query, tcp=True)
            if answer is None:
                answer = await self._responder.later(query, tcp=True)
            if not answer:
                return
            writer.write(len(answer).to_bytes(2, "big") + answer)
            async with asyncio.timeout(_IDLE_SECONDS):
                await writer.drain()


def _listener(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), backlog=128)


def _send(udp: socket.socket, answer: bytes, client: tuple[str, int]) -> None:
    try:
        udp.sendto(answer, client)
    except OSError as error:  # a full buffer or a client that is gone: UDP may lose what it carries
        log.debug("an answer to %s was lost: %s", client, error)
