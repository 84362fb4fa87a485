"""Deletes bootstrap tokens that have expired. Rule: docs, Authenticating with Bootstrap Tokens, "Token management"."""

from collections.abc import Iterable
from contextlib import suppress

from sampan.controllers.config import ControllerContext
from sampan.kinds.core import bootstrap_token
from sampan.kinds.core.secret import KIND as SECRET
from sampan.machinery.errors import Conflict, NotFound
from sampan.machinery.meta import Key, Object, key_of
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Controller


def tokens_of(secret: Object) -> Iterable[Key]:
    """The key of a Secret that is a bootstrap token."""
    key = key_of(secret)
    is_token = secret.get("type") == bootstrap_token.TYPE and key.namespace == bootstrap_token.NAMESPACE
    return (key,) if is_token else ()


class TokenCleaner(Controller):
    """One key per token."""

    name = "token-cleaner-controller"
    account = "token-cleaner"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.secrets = self.watch(SECRET, tokens_of)

    async def reconcile(self, key: Key) -> Action:
        secret = self.secrets.get(key)
        left = bootstrap_token.expires_in(secret, self.clock.now()) if secret else None
        if secret is None or left is None:
            return WAIT
        if left > 0:
            return after(left)
        with suppress(NotFound, Conflict):  # another one under its name is none of our business now
            await self.client.delete(SECRET, key.name, key.namespace, uid=secret["metadata"]["uid"])
        return WAIT


CONTROLLER = TokenCleaner
