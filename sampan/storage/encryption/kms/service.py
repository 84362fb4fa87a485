"""A KMS plugin on its unix socket: Status, Encrypt, Decrypt. Blocking: called from threads.

Rules: k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2/grpc_service.go.
"""

from collections.abc import Mapping
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import grpc

from sampan.storage.encryption.kms import kms_pb2 as pb
from sampan.storage.encryption.metrics import EncryptionMetrics
from sampan.storage.encryption.transformer import TransformFailed

_SERVICE = "v2.KeyManagementService"


class Service:
    """A connection to a plugin, that is made when it is first needed and again whenever it was lost.

    All calls raise TransformFailed where the plugin does not answer; the text is that of Go's gRPC status.
    """

    def __init__(self, name: str, endpoint: str, timeout: float, metrics: EncryptionMetrics) -> None:
        self.name = name
        self._timeout = timeout
        self._metrics = metrics
        options = [("grpc.default_authority", "localhost"), ("grpc.use_local_subchannel_pool", 1)]
        options += [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
        self._channel = grpc.insecure_channel(_target(endpoint), options=[*options, ("grpc.enable_http_proxy", 0)])
        self._calls = {method: self._unary(method) for method in ("Status", "Encrypt", "Decrypt")}

    def status(self) -> Any:
        """Version, health and key id."""
        return self._call("Status", pb.StatusRequest())

    def encrypt(self, plaintext: bytes) -> Any:
        """Ciphertext, key id and annotations."""
        return self._call("Encrypt", pb.EncryptRequest(plaintext=plaintext, uid=str(uuid4())))

    def decrypt(self, ciphertext: bytes, key_id: str, annotations: Mapping[str, bytes]) -> bytes:
        """The plaintext."""
        request = pb.DecryptRequest(ciphertext=ciphertext, uid=str(uuid4()), key_id=key_id, annotations=annotations)
        plaintext: bytes = self._call("Decrypt", request).plaintext
        return plaintext

    def close(self) -> None:
        """Close the connection; calls under way fail."""
        self._channel.close()

    def _unary(self, method: str) -> Any:
        request, response = getattr(pb, f"{method}Request"), getattr(pb, f"{method}Response")
        path = f"/{_SERVICE}/{method}"
        return self._channel.unary_unary(path, request.SerializeToString, response.FromString)

    def _call(self, method: str, request: Any) -> Any:
        start, code = perf_counter(), "OK"
        try:
            return self._calls[method](request, timeout=self._timeout, wait_for_ready=True)
        except grpc.RpcError as error:
            code = _go_name(error.code())
            raise TransformFailed(f"rpc error: code = {code} desc = {error.details()}", code) from error
        except ValueError as error:  # the channel has been closed
            code = "Canceled"
            raise TransformFailed(f"rpc error: code = {code} desc = {error}", code) from error
        finally:
            self._metrics.called(self.name, f"/{_SERVICE}/{method}", code, perf_counter() - start)


def _target(endpoint: str) -> str:
    """The socket of `unix:///path`; `unix:///@name` is one in the abstract namespace."""
    path = urlsplit(endpoint).path
    return f"unix-abstract:{path[2:]}" if path.startswith("/@") else f"unix:{path}"


def _go_name(code: grpc.StatusCode) -> str:
    """`DeadlineExceeded` of DEADLINE_EXCEEDED."""
    if code is grpc.StatusCode.CANCELLED:
        return "Canceled"
    return "OK" if code is grpc.StatusCode.OK else "".join(word.capitalize() for word in code.name.split("_"))
