"""AES: GCM with random nonces, CBC, and GCM with a key derived for every single value.

Formats and texts: k8s.io/apiserver/pkg/storage/value/encrypt/aes.
"""

import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC as CBCMode
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from sampan.storage.encryption.transformer import Transformed, TransformFailed

SEED_SIZE = 32  # bytes, at least, of what keys are derived from
_NONCE, _BLOCK, _INFO, _DERIVED = 12, 16, 32, 32
_SHORT = "the stored data was shorter than the required size"


def fingerprint(key: bytes) -> str:
    """By which two keys of the same name are told apart."""
    return sha256(b"fingerprint:" + key).hexdigest()[:16]


class GCM:
    """AES-GCM: nonce, ciphertext, tag; the place is authenticated too."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._fingerprint = fingerprint(key)

    def to_storage(self, value: bytes, place: bytes) -> Transformed:
        nonce = os.urandom(_NONCE)
        return Transformed(nonce + self._cipher.encrypt(nonce, value, place), self._fingerprint)

    def from_storage(self, stored: bytes, place: bytes) -> Transformed:
        if len(stored) < _NONCE:
            raise TransformFailed(_SHORT)
        try:
            value = self._cipher.decrypt(stored[:_NONCE], stored[_NONCE:], place)
        except InvalidTag:
            raise TransformFailed("cipher: message authentication failed") from None
        return Transformed(value, self._fingerprint)

    def writer(self) -> str:
        return self._fingerprint


class CBC:
    """AES-CBC with PKCS#7 padding: initialization vector, ciphertext. Nothing is authenticated."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = AES(key)
        self._fingerprint = fingerprint(key)

    def to_storage(self, value: bytes, place: bytes) -> Transformed:
        vector, padding = os.urandom(_BLOCK), _BLOCK - len(value) % _BLOCK
        encryptor = Cipher(self._algorithm, CBCMode(vector)).encryptor()
        stored = vector + encryptor.update(value + bytes([padding]) * padding) + encryptor.finalize()
        return Transformed(stored, self._fingerprint)

    def from_storage(self, stored: bytes, place: bytes) -> Transformed:
        if len(stored) < _BLOCK:
            raise TransformFailed(_SHORT)
        if len(stored) % _BLOCK:
            raise TransformFailed("the stored data is not a multiple of the block size")
        decryptor = Cipher(self._algorithm, CBCMode(stored[:_BLOCK])).decryptor()
        return Transformed(_unpadded(decryptor.update(stored[_BLOCK:]) + decryptor.finalize()), self._fingerprint)

    def writer(self) -> str:
        return self._fingerprint


def _unpadded(padded: bytes) -> bytes:
    padding = padded[-1] if padded else 0
    if not 0 < padding <= len(padded):
        raise TransformFailed("invalid PKCS7 data (empty or not padded)")
    if padded[-padding:] != bytes([padding]) * padding:
        raise TransformFailed("invalid padding on input")
    return padded[:-padding]


class ExtendedNonceGCM:
    """AES-GCM with a key for each value, expanded from a seed by 32 random bytes that are stored before it (HKDF)."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) < SEED_SIZE:
            raise TransformFailed(f"invalid seed length {len(seed)} used for key generation")
        self._seed = seed
        self._fingerprint = fingerprint(seed)

    def to_storage(self, value: bytes, place: bytes) -> Transformed:
        info = os.urandom(_INFO)
        return Transformed(info + self._derived(info).to_storage(value, place).value, self._fingerprint)

    def from_storage(self, stored: bytes, place: bytes) -> Transformed:
        if len(stored) < _INFO:
            raise TransformFailed(_SHORT)
        value = self._derived(stored[:_INFO]).from_storage(stored[_INFO:], place).value
        return Transformed(value, self._fingerprint)

    def writer(self) -> str:
        return self._fingerprint

    def _derived(self, info: bytes) -> GCM:
        return GCM(HKDFExpand(SHA256(), _DERIVED, info).derive(self._seed))
