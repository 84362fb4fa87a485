"""What handlers work with, made once by server.py: storage, authorization, admission, allocators, the clock."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sampan.apiserver.allocators.services import ServiceAllocators
from sampan.apiserver.authentication.authenticate import Authenticator
from sampan.apiserver.authorization.rbac import RBAC
from sampan.apiserver.keys import key_of, prefix_of
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.storage.cache import Cache

if TYPE_CHECKING:
    from sampan.apiserver.admission.chain import Plugin


@dataclass(slots=True)
class Services:
    """The parts of a running API server."""

    cache: Cache
    catalogue: Catalogue  # the one of the moment; a request keeps that of its beginning, Call.catalogue
    rbac: RBAC
    authenticator: Authenticator
    allocators: ServiceAllocators
    plugins: "Sequence[Plugin]"  # of admission, in order
    now: Callable[[], datetime]
    kubelet_tls: ssl.SSLContext | None = None  # with the API server's client certificate

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The current object, shared; None where there is none."""
        entry = self.cache.get(key_of(kind, namespace, name))
        return entry.object if entry else None

    def all(self, kind: Kind, namespace: str = "") -> list[Object]:
        """The current objects of a kind, shared."""
        return [entry.object for entry in self.cache.list(prefix_of(kind, namespace)).items]
