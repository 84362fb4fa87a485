"""The issuer of ServiceAccount tokens, for those who verify them elsewhere. Rule: OpenID Connect Discovery 1.0.

Called by table.py.
"""

from collections.abc import Callable
from typing import Any

import orjson

from sampan.apiserver.authentication.service_account import ServiceAccountTokens
from sampan.apiserver.nonresource.paths import Answer
from sampan.transport.messages import Response

_KEPT = [("Cache-Control", "public, max-age=3600")]  # so keys must be published an hour before they sign


class OpenID:
    """`keys_at` says where the keys are."""

    def __init__(self, tokens: ServiceAccountTokens, keys_at: Callable[[], str]) -> None:
        self._tokens, self._keys_at = tokens, keys_at

    def paths(self) -> dict[str, Answer]:
        """Path -> answer."""
        return {
            "/.well-known/openid-configuration": lambda request: _document(self.configuration()),
            "/openid/v1/jwks": lambda request: _document(self._tokens.keys.jwks(), "application/jwk-set+json"),
        }

    def configuration(self) -> dict[str, Any]:
        """Where the keys are, and what they sign."""
        return {
            "issuer": self._tokens.issuers[0],
            "jwks_uri": self._keys_at(),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key.algorithm for key in self._tokens.keys.verifiers}),
        }


def _document(document: object, content_type: str = "application/json") -> Response:
    return Response(200, orjson.dumps(document), content_type, _KEPT)
