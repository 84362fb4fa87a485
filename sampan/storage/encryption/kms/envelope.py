"""Values that carry the encrypted key of their own with them: a protobuf EncryptedObject after the prefix.

Rules: k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2/envelope.go. Called by the thread of the log file, and
nobody else: keys that were decrypted are remembered, so the plugin is asked once for each.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from google.protobuf.message import DecodeError

from sampan.storage.encryption.aes import GCM, ExtendedNonceGCM
from sampan.storage.encryption.kms import kms_pb2 as pb
from sampan.storage.encryption.kms.service import Service
from sampan.storage.encryption.kms.state import SEED, CacheKey, State, cache_key, check_object
from sampan.storage.encryption.metrics import EncryptionMetrics
from sampan.storage.encryption.transformer import Transformed, Transformer, TransformFailed

_REMEMBERED = 4096  # keys; there is one for each start of a server and each key of the plugin


class Envelope:
    """`state` gives the key that writes now, or raises TransformFailed."""

    def __init__(
        self, service: Service, state: Callable[[], State], now: Callable[[], datetime], metrics: EncryptionMetrics
    ) -> None:
        self._service = service
        self._state = state
        self._now = now
        self._metrics = metrics
        self._keys: OrderedDict[CacheKey, Transformer] = OrderedDict()

    def to_storage(self, value: bytes, place: bytes) -> Transformed:
        state = self._state()
        state.check_writing(self._now())
        self._remember(state.cache_key, state.transformer)
        found = pb.EncryptedObject(
            encryptedData=state.transformer.to_storage(value, place).value,
            keyID=state.key_id,
            encryptedDEKSource=state.source,
            annotations=state.annotations,
            encryptedDEKSourceType=SEED,
        )
        self._metrics.used_key("to_storage", self._service.name, state.key_id)
        return Transformed(found.SerializeToString(), _writer(state.key_id, SEED))

    def from_storage(self, stored: bytes, place: bytes) -> Transformed:
        found = _decoded(stored)
        self._state()  # as upstream: nothing is read before the plugin has answered for the first time
        kind, source, key_id = found.encryptedDEKSourceType, found.encryptedDEKSource, found.keyID
        known = cache_key(kind, source, key_id, found.annotations)
        transformer = self._keys.get(known) or self._decrypted(found)
        self._remember(known, transformer)
        self._metrics.used_key("from_storage", self._service.name, key_id)
        return Transformed(transformer.from_storage(found.encryptedData, place).value, _writer(key_id, kind))

    def writer(self) -> str:
        return _writer(self._state().key_id, SEED)

    def _decrypted(self, found: Any) -> Transformer:
        self._metrics.missed()
        try:
            key = self._service.decrypt(found.encryptedDEKSource, found.keyID, found.annotations)
        except TransformFailed as error:
            raise TransformFailed(f"failed to decrypt DEK, error: {error}", error.code) from error
        if found.encryptedDEKSourceType == SEED:
            return ExtendedNonceGCM(key)
        if len(key) not in (16, 24, 32):
            raise TransformFailed(f"crypto/aes: invalid key size {len(key)}")
        return GCM(key)

    def _remember(self, key: CacheKey, transformer: Transformer) -> None:
        self._keys[key] = transformer
        self._keys.move_to_end(key)
        if len(self._keys) > _REMEMBERED:
            self._keys.popitem(last=False)
        self._metrics.remembered(self._service.name, len(self._keys))


def _writer(key_id: str, kind: int) -> str:
    """The plugin's key: what another one encrypted, or in another way, is stale."""
    return f"{kind}:{key_id}"


def _decoded(stored: bytes) -> Any:
    try:
        found = pb.EncryptedObject.FromString(stored)
    except DecodeError as error:
        raise TransformFailed(f"proto: cannot parse invalid wire-format data: {error}") from error
    check_object(found)
    return found
