"""XSalsa20-Poly1305: nonce, tag, ciphertext. The place is not authenticated.

Format and texts: k8s.io/apiserver/pkg/storage/value/encrypt/secretbox. Loaded only where a configuration has it.
"""

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from sampan.storage.encryption.aes import fingerprint
from sampan.storage.encryption.transformer import Transformed, TransformFailed

_OVERHEAD = SecretBox.NONCE_SIZE + SecretBox.MACBYTES


class Secretbox:
    """One key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._box = SecretBox(key)
        self._fingerprint = fingerprint(key)

    def to_storage(self, value: bytes, place: bytes) -> Transformed:
        return Transformed(bytes(self._box.encrypt(value)), self._fingerprint)

    def from_storage(self, stored: bytes, place: bytes) -> Transformed:
        if len(stored) < _OVERHEAD:
            raise TransformFailed("the stored data was shorter than the required size")
        try:
            return Transformed(self._box.decrypt(stored), self._fingerprint)
        except CryptoError:
            raise TransformFailed("output array was not large enough for encryption") from None

    def writer(self) -> str:
        return self._fingerprint
