"""An OpenID Connect issuer: real HTTPS on the loopback, real keys, tokens for whoever asks the test."""

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from sampan.transport.messages import Request, Response
from sampan.transport.server import HTTPServer
from sampan.transport.tls import server_context
from tests.apiserver.pki import authority

Object = dict[str, Any]
_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@cache
def key_of(name: str, algorithm: str = "RS256") -> Any:
    """A private key, the same for the same name."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(name: str, algorithm: str = "RS256") -> Object:
    """Its public side."""
    encoder: Any = ECAlgorithm if algorithm in _CURVES else RSAAlgorithm
    public = orjson.loads(encoder.to_jwk(key_of(name, algorithm).public_key()))
    return {**public, "kid": name, "use": "sig", "alg": algorithm}


class OIDCIssuer:
    """`keys` is what it publishes; `asked` are the paths that were asked for, with their Authorization headers."""

    def __init__(self) -> None:
        self.keys: list[Object] = [jwk("one")]
        self.headers: dict[str, str] = {}  # of the key set
        self.discovery: Object = {}  # changes of the discovery document
        self.elsewhere: dict[str, Response] = {}  # other paths
        self.asked: list[tuple[str, str]] = []
        self.is_down = False
        self._server = HTTPServer(self._handle)
        self.port = 0

    @property
    def url(self) -> str:
        """The issuer's name."""
        return f"https://127.0.0.1:{self.port}"

    def _handle(self, request: Request) -> Response:
        self.asked.append((request.path, request.headers.get("authorization", "")))
        if request.path in self.elsewhere:
            return self.elsewhere[request.path]
        if self.is_down:
            return Response(503, b"down")
        if request.path == "/.well-known/openid-configuration":
            document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.discovery
            return Response(200, orjson.dumps(document))
        if request.path == "/keys":
            return Response(200, orjson.dumps({"keys": self.keys}), headers=list(self.headers.items()))
        return Response(404)

    def fetches(self) -> int:
        """How often the keys were asked for."""
        return sum(path == "/keys" for path, _ in self.asked)

    def token(self, *, key: str = "one", algorithm: str = "RS256", kid: str | None = None, **claims: Any) -> str:
        """A signed token; claims that are None are left out."""
        now = int(time.time())
        made = {"iss": self.url, "aud": "me", "sub": "jane", "exp": now + 600, "iat": now, **claims}
        made = {name: value for name, value in made.items() if value is not None}
        headers = {"kid": key if kid is None else kid}
        return jwt.encode(made, key_of(key, algorithm), algorithm=algorithm, headers=headers)

    async def start(self) -> None:
        """Listen."""
        pair = authority().issue("localhost", server=True)
        self.port = await self._server.start("127.0.0.1", 0, server_context(pair.certificate, pair.key))

    async def stop(self) -> None:
        """Close."""
        await self._server.stop()


@asynccontextmanager
async def issuing() -> AsyncIterator[OIDCIssuer]:
    """An issuer, gone afterwards."""
    issuer = OIDCIssuer()
    await issuer.start()
    try:
        yield issuer
    finally:
        await issuer.stop()


def tampered(token: str, **claims: Any) -> str:
    """The same signature under other claims."""
    header, payload, signature = token.split(".")
    changed = orjson.loads(base64.urlsafe_b64decode(payload + "==")) | claims
    encoded = base64.urlsafe_b64encode(orjson.dumps(changed)).rstrip(b"=").decode()
    return f"{header}.{encoded}.{signature}"
