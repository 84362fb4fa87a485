"""Deletes generated tokens of ServiceAccounts that nobody has used for a year: first marked invalid, a year later gone.

Which have been used, the API server notes in a label. Rules: KEP-2799; docs, Managing Service Accounts, "Legacy
ServiceAccount token cleaner"; upstream's pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go.
"""

import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum

from sampan.controllers.config import ControllerContext
from sampan.kinds.core import service_account_token as tokens
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.pod_references import references
from sampan.kinds.core.secret import KIND as SECRET
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.errors import APIError, Conflict, NotFound
from sampan.machinery.meta import Key, Object, is_deleting, key_of, labels_of, parse_time
from sampan.reconcile.action import Action, after
from sampan.reconcile.controller import Controller

log = logging.getLogger(__name__)

PERIOD = timedelta(hours=24)
_ALL = Key("", "legacy tokens")


class Fate(Enum):
    """What is to become of a token."""

    KEPT = "kept"
    INVALID = "to be marked invalid"
    DELETED = "to be deleted"


def fate(secret: Object, account: Object | None, is_mounted: bool, unused_since: datetime) -> Fate:
    """Of a Secret that holds a token; `unused_since` is a year ago."""
    labels, limit = labels_of(secret), unused_since.date()
    if is_deleting(secret) or parse_time(secret["metadata"]["creationTimestamp"]) >= unused_since:
        return Fate.KEPT
    if tokens.LAST_USED in labels:
        used = tokens.day_of(labels[tokens.LAST_USED])
        if used is None or used >= limit:
            return Fate.KEPT
    is_generated = account is not None and tokens.names_secret(account, secret["metadata"]["name"])
    if not is_generated or is_mounted:
        return Fate.KEPT
    invalid = tokens.day_of(labels.get(tokens.INVALID_SINCE, ""))
    if invalid is None:
        return Fate.INVALID
    return Fate.KEPT if invalid >= limit else Fate.DELETED


class LegacyTokenCleaner(Controller):
    """One key, once a day."""

    name = "legacy-serviceaccount-token-cleaner-controller"
    account = "legacy-service-account-token-cleaner"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self._unused = timedelta(seconds=context.config.legacy_token_clean_up_period)
        self.secrets = self.watch(SECRET, None)
        self.accounts = self.watch(SERVICE_ACCOUNT, None)
        self.pods = self.watch(POD, None)

    async def background(self) -> None:
        self.queue.add(_ALL)

    async def reconcile(self, key: Key) -> Action:
        now = self.clock.now()
        since = await self._tracked_since()
        if since is not None and now >= since + timedelta(days=1) + self._unused:
            await self._clean(now, now - self._unused)
        return after(PERIOD.total_seconds())

    async def _tracked_since(self) -> datetime | None:
        """The day when uses began to be noted."""
        with suppress(NotFound):
            found = await self.client.get(CONFIG_MAP, tokens.TRACKING, "kube-system")
            day = tokens.day_of((found.get("data") or {}).get("since", ""))
            return datetime(day.year, day.month, day.day, tzinfo=self.clock.now().tzinfo) if day else None
        return None

    async def _clean(self, now: datetime, unused_since: datetime) -> None:
        for secret in [one for one in self.secrets.items() if tokens.account_of(one)]:
            decided = fate(secret, self._account(secret), self._is_mounted(secret), unused_since)
            try:
                await self._act(secret, decided, now)
            except APIError as error:
                log.error("failed to clean up the token %s: %s", key_of(secret), error)

    async def _act(self, secret: Object, decided: Fate, now: datetime) -> None:
        key, meta = key_of(secret), secret["metadata"]
        if decided is Fate.INVALID:
            labels = {tokens.INVALID_SINCE: now.date().isoformat()}
            patch = {"metadata": {"uid": meta["uid"], "labels": labels}}
            await self.client.patch(SECRET, key.name, patch, key.namespace)
        elif decided is Fate.DELETED:
            with suppress(NotFound, Conflict):
                await self.client.delete(SECRET, key.name, key.namespace, resource_version=meta["resourceVersion"])

    def _account(self, secret: Object) -> Object | None:
        owner = tokens.account_of(secret)
        account = self.accounts.get(Key(secret["metadata"]["namespace"], owner[0])) if owner else None
        return account if account and tokens.is_of(secret, account) else None

    def _is_mounted(self, secret: Object) -> bool:
        """Whether a pod uses the Secret."""
        key = key_of(secret)
        return any(key.name in _secrets_of(pod) for pod in self.pods.items() if key_of(pod).namespace == key.namespace)


def _secrets_of(pod: Object) -> Collection[str]:
    return {reference.name for reference in references(pod) if reference.resource == "secrets"}


CONTROLLER = LegacyTokenCleaner
