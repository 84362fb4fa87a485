"""What a server tolerates of its clients. The defaults are those of the Kubernetes API server where it has one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are bytes, times are seconds."""

    head_bytes: int = 1 << 18  # request line and headers together: 431 beyond
    header_count: int = 200  # 431 beyond
    body_bytes: int = 3 << 20  # 413 beyond
    connections: int = 10_000  # further ones are closed as soon as they are accepted
    head_timeout: float = 32.0  # from a request's first byte to the end of its headers
    body_timeout: float = 60.0  # from the end of the headers to the end of the body
    idle_timeout: float = 90.0  # between requests
    write_timeout: float = 120.0  # a client that takes nothing of a complete response
    write_rate: int = 1 << 20  # bytes of it that a client has to take each second, once it has had that time
    unsent_bytes: int = 16 << 10  # of an answer that wait for a slow client, besides the piece that is being written
    linger: float = 2.0  # how long the rest of a refused request is read and dropped, so that the answer arrives
    gzip_bytes: int = 128 * 1024  # bodies above this are compressed where the client accepts it
    gzip_loopback: bool = False  # also for clients on this machine, to whom sending is faster than compressing
