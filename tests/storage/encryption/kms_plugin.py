"""A KMS v2 plugin: a gRPC server on a unix socket, with keys that may be rotated, and that may be unwell."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc.aio
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sampan.storage.encryption.kms import kms_pb2 as pb


class Plugin:
    """What it answers; `calls` counts by method, `decrypted` has the key ids that it was asked to decrypt with."""

    def __init__(self) -> None:
        self.key_id, self.version, self.healthz = "key-1", "v2", "ok"
        self.encrypts_with = ""  # another key than Status says
        self.fails = ""  # the method that does
        self.annotations: dict[str, bytes] = {"version.encryption.example.com": b"1"}
        self.calls: Counter[str] = Counter()
        self.decrypted: list[str] = []

    async def status(self, request: Any, context: Any) -> Any:
        await self._called("Status", context)
        return pb.StatusResponse(version=self.version, healthz=self.healthz, key_id=self.key_id)

    async def encrypt(self, request: Any, context: Any) -> Any:
        await self._called("Encrypt", context)
        key_id, nonce = self.encrypts_with or self.key_id, os.urandom(12)
        ciphertext = nonce + _key(key_id).encrypt(nonce, request.plaintext, b"")
        return pb.EncryptResponse(ciphertext=ciphertext, key_id=key_id, annotations=self.annotations)

    async def decrypt(self, request: Any, context: Any) -> Any:
        await self._called("Decrypt", context)
        self.decrypted.append(request.key_id)
        assert dict(request.annotations) == self.annotations and request.uid
        try:
            plaintext = _key(request.key_id).decrypt(request.ciphertext[:12], request.ciphertext[12:], b"")
        except InvalidTag:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "it was not me")
        return pb.DecryptResponse(plaintext=plaintext)

    async def _called(self, method: str, context: Any) -> None:
        self.calls[method] += 1
        if method == self.fails:
            await context.abort(grpc.StatusCode.INTERNAL, "out of order")


def _key(key_id: str) -> AESGCM:
    return AESGCM(sha256(key_id.encode()).digest())


@asynccontextmanager
async def plugged(socket: Path, plugin: Plugin) -> AsyncIterator[None]:
    """The plugin on its socket, gone afterwards."""
    server = grpc.aio.server()
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(
            getattr(plugin, method.lower()),
            request_deserializer=getattr(pb, f"{method}Request").FromString,
            response_serializer=getattr(pb, f"{method}Response").SerializeToString,
        )
        for method in ("Status", "Encrypt", "Decrypt")
    }
    service = grpc.method_handlers_generic_handler("v2.KeyManagementService", handlers)
    server.add_generic_rpc_handlers((service,))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)
