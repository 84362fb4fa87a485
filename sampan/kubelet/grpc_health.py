"""The gRPC health checking protocol, as much as a probe needs: one Check call.

Its two messages have one field each, so they are written out here. Called by handlers.py.
"""

import grpc
import grpc.aio

SERVING = 1
_STATUS = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


async def check(address: str, service: str, timeout: float) -> tuple[bool, str]:
    """Whether a server says SERVING within `timeout` seconds, and otherwise what is wrong in upstream's words."""
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            answer = await call(encode_request(service), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return False, _problem(address, timeout, error)
    status = decode_status(answer)
    shown = _STATUS.get(status, str(status))
    return status == SERVING, "" if status == SERVING else f'service unhealthy (responded with "{shown}")'


def encode_request(service: str) -> bytes:
    """HealthCheckRequest: service is field 1, a string (names are far below 128 bytes of length prefix each)."""
    name = service.encode()
    return b"" if not name else b"\x0a" + _varint(len(name)) + name


def decode_status(message: bytes) -> int:
    """HealthCheckResponse: status is field 1, an enumeration below 128; absent means 0."""
    return message[1] if len(message) >= 2 and message[0] == 0x08 else 0


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _problem(address: str, timeout: float, error: grpc.aio.AioRpcError) -> str:
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return (
            f"error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {error.details()}"
        )
    if error.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE):
        return f'timeout: failed to connect service "{address}" within {timeout:g}s: context deadline exceeded'
    return f"error: health rpc probe failed: {error.details()}"
