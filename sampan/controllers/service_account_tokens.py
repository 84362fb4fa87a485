"""Fills Secrets of type kubernetes.io/service-account-token, and deletes those whose ServiceAccount is gone.

Rules: docs, Managing Service Accounts, "Token controller"; upstream's pkg/controller/serviceaccount
(tokens_controller.go). Acts as the controller manager itself.
"""

import base64
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from sampan.controllers.config import ControllerContext
from sampan.kinds.core import service_account_token as tokens
from sampan.kinds.core.secret import KIND as SECRET
from sampan.kinds.core.secret import SERVICE_ACCOUNT_NAME
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.errors import Conflict, NotFound
from sampan.machinery.meta import Key, Object, annotations_of, key_of
from sampan.machinery.tree import REMOVED, with_changes
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import MANAGER, Controller

Sign = Callable[[dict[str, Any]], str]
_INDEX = "tokens by service account"


def completed(secret: Object, account: Object, root_ca: str, sign: Sign) -> Object | None:
    """The Secret with all that belongs into it; None where it has that."""
    data = secret.get("data") or {}
    lacking: dict[str, str] = {}
    if root_ca and data.get("ca.crt") != _encoded(root_ca):
        lacking["ca.crt"] = root_ca
    if not data.get("namespace"):
        lacking["namespace"] = secret["metadata"]["namespace"]
    if not data.get("token"):
        lacking["token"] = sign(tokens.claims(account, secret))
    if not lacking:
        return None
    meta = account["metadata"]
    notes = {SERVICE_ACCOUNT_NAME: meta["name"], tokens.SERVICE_ACCOUNT_UID: meta["uid"]}
    return with_changes(
        secret,
        {
            ("data",): data | {name: _encoded(text) for name, text in lacking.items()},
            ("metadata", "annotations"): {**annotations_of(secret), **notes},
        },
    )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _own(secret: Object) -> Iterable[Key]:
    return (key_of(secret),) if tokens.account_of(secret) else ()


def _by_account(secret: Object) -> Iterable[str]:
    owner = tokens.account_of(secret)
    return (_filed(secret["metadata"]["namespace"], owner[0]),) if owner else ()


def _filed(namespace: str, account: str) -> str:
    return f"{namespace}/{account}"


class ServiceAccountTokensController(Controller):
    """One key per Secret."""

    name = "serviceaccount-token-controller"
    account = MANAGER

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._root_ca, self._sign = context.config.root_ca, context.config.sign_token
        self.secrets = self.watch(SECRET, _own)
        self.secrets.add_index(_INDEX, _by_account)
        self.accounts = self.watch(SERVICE_ACCOUNT, self._tokens_of)

    def _tokens_of(self, account: Object) -> Iterable[Key]:
        return [key_of(secret) for secret in self.secrets.by(_INDEX, _filed(*key_of(account)))]

    async def reconcile(self, key: Key) -> Action:
        secret = self.secrets.get(key)
        owner = tokens.account_of(secret) if secret else None
        if self._sign is None:
            return WAIT
        if secret is None or owner is None:
            await self._forget(key)
            return WAIT
        account = await self._account(secret, owner[0])
        with suppress(NotFound, Conflict):  # what has become of it will be told
            if account is None:
                await self.client.delete(SECRET, key.name, key.namespace, uid=secret["metadata"]["uid"])
            elif new := completed(secret, account, self._root_ca, self._sign):
                await self.client.update(SECRET, new)
        return WAIT

    async def _account(self, secret: Object, name: str) -> Object | None:
        """The token's account, asked for where it is not known: it may have just been made."""
        namespace = secret["metadata"]["namespace"]
        known = self.accounts.get(Key(namespace, name))
        if known is None or not tokens.is_of(secret, known):
            with suppress(NotFound):
                known = await self.client.get(SERVICE_ACCOUNT, name, namespace)
        return known if known is not None and tokens.is_of(secret, known) else None

    async def _forget(self, key: Key) -> None:
        """A token is gone: the account that lists its Secret does so no more. Raises Conflict, to be tried again."""
        for account in [one for one in self.accounts.items() if key_of(one).namespace == key.namespace]:
            if tokens.names_secret(account, key.name):
                left = [ref for ref in account["secrets"] if ref.get("name") != key.name]
                with suppress(NotFound):
                    await self.client.update(SERVICE_ACCOUNT, with_changes(account, {("secrets",): left or REMOVED}))


CONTROLLER = ServiceAccountTokensController
