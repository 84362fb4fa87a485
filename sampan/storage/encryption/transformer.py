"""How a value looks on disk: the protocol, and the prefixes by which stored bytes say who can read them.

Called by the thread of the log file. Rules: k8s.io/apiserver/pkg/storage/value (transformer.go), encrypt/identity.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple, Protocol

from sampan.machinery.aggregate import aggregated
from sampan.storage.protocol import StoreError

ENCRYPTED = b"k8s:enc:"  # how every encrypted value begins, and no other


class TransformFailed(StoreError):
    """A value can't be encrypted or decrypted; the message says why, in upstream's words."""

    def __init__(self, message: str, code: str = "unknown-non-grpc") -> None:
        super().__init__(message)
        self.code = code  # what metrics count it as: a gRPC status, where a plugin has failed


class Observe(Protocol):
    """Takes note of one transformation; metrics.py."""

    def __call__(self, direction: str, place: bytes, prefix: str, status: str, seconds: float) -> None: ...


class Transformed(NamedTuple):
    """A value after its transformation, and the key that wrote it: equal texts are equal keys, none is a secret."""

    value: bytes
    writer: str


class Transformer(Protocol):
    """`place` is where the value is stored; it is authenticated with it where the cipher can do that."""

    def to_storage(self, value: bytes, place: bytes) -> Transformed:
        """What is to be stored. Raises TransformFailed."""

    def from_storage(self, stored: bytes, place: bytes) -> Transformed:
        """What was stored. Raises TransformFailed."""

    def writer(self) -> str:
        """The key that writes now: what another one wrote is stale, and to be written anew."""


class Identity:
    """No encryption; what is encrypted is not for it to read."""

    def to_storage(self, value: bytes, place: bytes) -> Transformed:
        return Transformed(value, "")

    def from_storage(self, stored: bytes, place: bytes) -> Transformed:
        if stored.startswith(ENCRYPTED):
            raise TransformFailed("identity transformer tried to read encrypted data")
        return Transformed(stored, "")

    def writer(self) -> str:
        return ""


IDENTITY = Identity()


class Prefixed(NamedTuple):
    """A transformer, and how the values begin that are its own."""

    prefix: bytes
    transformer: Transformer


class Prefixes:
    """Several transformers: the first one writes, each reads what has its prefix, for two keys may share a name."""

    def __init__(self, choices: Sequence[Prefixed], unknown: str, observe: Observe = lambda *_: None) -> None:
        self._choices = choices
        self._unknown = unknown
        self._observe = observe

    def to_storage(self, value: bytes, place: bytes) -> Transformed:
        (prefix, transformer), start, status = self._choices[0], perf_counter(), "OK"
        try:
            stored, writer = transformer.to_storage(value, place)
        except TransformFailed as error:
            status = error.code
            raise
        finally:
            self._observe("to_storage", place, prefix.decode(), status, perf_counter() - start)
        return Transformed(prefix + stored, prefix.decode() + writer)

    def from_storage(self, stored: bytes, place: bytes) -> Transformed:
        errors: list[TransformFailed] = []
        for prefix, transformer in self._choices:
            if not stored.startswith(prefix):
                continue
            start, shown = perf_counter(), prefix.decode() or "identity"
            try:
                value, writer = transformer.from_storage(stored[len(prefix) :], place)
            except TransformFailed as error:
                if prefix:  # identity has no say in what others have encrypted
                    errors.append(error)
                    self._observe("from_storage", place, shown, error.code, perf_counter() - start)
            else:
                self._observe("from_storage", place, shown, "OK", perf_counter() - start)
                return Transformed(value, prefix.decode() + writer)
        if errors:
            raise TransformFailed(aggregated(errors), errors[0].code)
        self._observe("from_storage", place, "unknown", "unknown-non-grpc", 0.0)
        raise TransformFailed(self._unknown)

    def writer(self) -> str:
        prefix, transformer = self._choices[0]
        return prefix.decode() + transformer.writer()
