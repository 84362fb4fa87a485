"""The key that writes now: a seed in memory, the plugin's encryption of it, and until when it may be used.

Replaced by the probe, read by the thread of the log file; a State is never changed. Rules:
k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2 (State, GenerateTransformer, ValidateEncryptedObject).
"""

import os
import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sampan.storage.encryption.aes import SEED_SIZE, ExtendedNonceGCM
from sampan.storage.encryption.kms import kms_pb2 as pb
from sampan.storage.encryption.kms.service import Service
from sampan.storage.encryption.transformer import TransformFailed

SEED: int = pb.HKDF_SHA256_XNONCE_AES_GCM_SEED
_MAX_KEY_ID, _MAX_SOURCE, _MAX_ANNOTATIONS = 1024, 1024, 32 * 1024
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+", re.ASCII)

CacheKey = tuple[int, bytes, str, tuple[tuple[str, bytes], ...]]


class State(NamedTuple):
    """A seed, and what has to be stored with every value that it encrypts."""

    transformer: ExtendedNonceGCM
    key_id: str
    source: bytes  # the seed as the plugin encrypted it
    annotations: Mapping[str, bytes]
    expires: datetime

    @property
    def cache_key(self) -> CacheKey:
        """What tells it from all other keys."""
        return cache_key(SEED, self.source, self.key_id, self.annotations)

    def check_writing(self, now: datetime) -> None:
        """Raises TransformFailed where the plugin has not answered for too long."""
        if now > self.expires:
            raise TransformFailed(
                f'encryptedDEKSource with keyID hash "{hashed(self.key_id)}" expired at {shown(self.expires)} '
                f"(current time is {shown(now)})"
            )


def generate(service: Service, expires: datetime) -> State:
    """A new seed, encrypted by the plugin. Raises TransformFailed."""
    seed = os.urandom(SEED_SIZE)
    try:
        answer = service.encrypt(seed)
    except TransformFailed as error:
        raise TransformFailed(f"failed to encrypt DEK, error: {error}", error.code) from error
    check(answer.key_id, answer.ciphertext, answer.annotations)
    return State(ExtendedNonceGCM(seed), answer.key_id, answer.ciphertext, dict(answer.annotations), expires)


def cache_key(kind: int, source: bytes, key_id: str, annotations: Mapping[str, bytes]) -> CacheKey:
    """What a key that the plugin encrypted is remembered by."""
    return kind, source, key_id, tuple(sorted(annotations.items()))


def check_object(found: Any) -> None:
    """An EncryptedObject; raises TransformFailed."""
    if found.encryptedDEKSourceType not in (pb.AES_GCM_KEY, SEED):
        raise TransformFailed(f"unknown encryptedDEKSourceType: {found.encryptedDEKSourceType}")
    if not found.encryptedData:
        raise TransformFailed("encrypted data is empty")
    check(found.keyID, found.encryptedDEKSource, found.annotations)


def check(key_id: str, source: bytes, annotations: Mapping[str, bytes]) -> None:
    """What a plugin made; raises TransformFailed."""
    if not source or len(source) > _MAX_SOURCE:
        size = f"{len(source)} bytes, which exceeds the max size of {_MAX_SOURCE}" if source else "empty"
        raise TransformFailed(f"failed to validate encrypted DEK source: encrypted DEK source is {size}")
    if why := key_id_error(key_id):
        raise TransformFailed(f"failed to validate key id: {why}")
    for key in annotations:
        if not _DOMAIN.fullmatch(key):
            raise _annotated(f'annotations: Invalid value: "{key}": should be a domain with at least two segments')
    if (total := sum(len(key) + len(value) for key, value in annotations.items())) > _MAX_ANNOTATIONS:
        raise _annotated(f"total size of annotations is {total}, which exceeds the max size of {_MAX_ANNOTATIONS}")


def _annotated(why: str) -> TransformFailed:
    return TransformFailed(f"failed to validate annotations: {why}")


def key_id_error(key_id: str) -> str:
    """Why this is no key id; "" if it is one."""
    if not key_id:
        return "keyID is empty"
    size = len(key_id.encode())
    return "" if size <= _MAX_KEY_ID else f"keyID is {size} bytes, which exceeds the max size of {_MAX_KEY_ID}"


def hashed(text: str) -> str:
    """How key ids are shown."""
    return f"sha256:{sha256(text.encode()).hexdigest()}" if text else ""


def shown(moment: datetime) -> str:
    """A time as Go's RFC3339 has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
