"""Asking a webhook about bearer tokens, by TokenReview (authentication.k8s.io v1 or v1beta1).

Rules: k8s.io/apiserver/plugin/pkg/authenticator/token/webhook. What it answers is remembered by token_cache.py.
"""

import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from sampan.apiserver.authentication.attempt import Attempt, Refused, Verified, common
from sampan.apiserver.authentication.user import User, authenticated
from sampan.apiserver.webhooks.remote import RemoteWebhook
from sampan.machinery.errors import APIError

log = logging.getLogger(__name__)


class WebhookTokens:
    """A TokenAuthenticator that always asks."""

    def __init__(self, remote: RemoteWebhook, version: str, audiences: Sequence[str]) -> None:
        self._remote = remote
        self._api_version = f"authentication.k8s.io/{version}"
        self._audiences = audiences  # of this API server

    def authenticate(self, token: str, attempt: Attempt) -> Coroutine[Any, Any, Verified | None]:
        """What the webhook makes of a token."""
        return self._ask(token, attempt.audiences)

    async def _ask(self, token: str, audiences: Sequence[str]) -> Verified | None:
        review = {
            "kind": "TokenReview",
            "apiVersion": self._api_version,
            "metadata": {"creationTimestamp": None},
            "spec": {"token": token, "audiences": list(audiences)},
            "status": {"user": {}},
        }
        try:
            answer = await self._remote.post(review)
            status = _object(answer.get("status"))
            meant = status.get("audiences") or self._audiences
            found = common(audiences, meant)
            if not found:
                return None
            if status.get("authenticated") is True:
                return Verified(_user(_object(status.get("user"))), found)
        except (APIError, OSError, ValueError) as error:
            said = error.message if isinstance(error, APIError) else str(error)
            log.error("failed to make webhook authenticator request: %s", said)
            raise Refused(said) from error
        if error_text := status.get("error"):
            raise Refused(str(error_text))
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self._remote.close()


def _user(tree: Mapping[str, Any]) -> User:
    groups = tuple(map(str, _list(tree.get("groups"))))
    extra = {str(key): tuple(map(str, _list(values))) for key, values in _object(tree.get("extra")).items()}
    return authenticated(str(tree.get("username") or ""), groups, str(tree.get("uid") or ""), extra)


def _object(tree: Any) -> Mapping[str, Any]:
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ValueError("the webhook's answer is no TokenReview")
    return tree


def _list(tree: Any) -> Sequence[Any]:
    if tree is None:
        return ()
    if not isinstance(tree, list):
        raise ValueError("the webhook's answer is no TokenReview")
    return tree
