"""The authenticator of a server, put together of what it was told. Called by server.py.

The order of bearer tokens is upstream's: what is known from the start, what this cluster has signed, what it keeps, and
last what others have to be asked about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.authentication.anonymous import EVERYWHERE, Anonymous
from sampan.apiserver.authentication.attempt import TokenAuthenticator
from sampan.apiserver.authentication.authenticate import Authenticator
from sampan.apiserver.authentication.bootstrap_token import BootstrapTokens
from sampan.apiserver.authentication.keys import KeyRing
from sampan.apiserver.authentication.legacy_token import LegacyTokens, NoteUse
from sampan.apiserver.authentication.lookup import Lookup
from sampan.apiserver.authentication.metrics import AuthenticationMetrics
from sampan.apiserver.authentication.request_header import NO_FRONT_PROXIES, FrontProxies
from sampan.apiserver.authentication.service_account import ServiceAccountTokens
from sampan.apiserver.authentication.tokens import StaticTokens, Tokens
from sampan.apiserver.authentication.user import User
from sampan.apiserver.authentication.x509 import CertificateAuthenticator


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What users are recognized by."""

    client_ca: bytes = b""
    front_proxies: FrontProxies = NO_FRONT_PROXIES
    keys: KeyRing
    issuers: Sequence[str]
    tokens: Mapping[str, User] = field(default_factory=dict)
    anonymous: Anonymous = EVERYWHERE
    bootstrap_tokens: bool = True


def authenticator(material: Material, lookup: Lookup, note_use: NoteUse, registry: CollectorRegistry) -> Authenticator:
    """The union of all ways in."""
    audiences = tuple(material.issuers)
    service_accounts = ServiceAccountTokens(
        material.keys, material.issuers, audiences, lookup, LegacyTokens(lookup, note_use)
    )
    tokens: list[TokenAuthenticator] = [StaticTokens(material.tokens, audiences), service_accounts]
    if material.bootstrap_tokens:
        tokens.append(BootstrapTokens(lookup, audiences))
    return Authenticator(
        certificates=CertificateAuthenticator(material.client_ca, material.front_proxies),
        tokens=Tokens(tokens),
        anonymous=material.anonymous,
        service_accounts=service_accounts,
        audiences=audiences,
        metrics=AuthenticationMetrics(registry),
    )
