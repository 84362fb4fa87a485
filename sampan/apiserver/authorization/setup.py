"""The chain of authorizers, made of what the server was told, and anew when the file of --authorization-config changes.

A file that can't be used leaves all as it was. Authorizers that live on memory are made at the start and kept. Rules:
k8s.io/kubernetes/pkg/kubeapiserver/authorizer (reload.go). Made and run by server.py.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.authorization.always import AlwaysAllow, AlwaysDeny
from sampan.apiserver.authorization.authorizer import Authorizer, Authorizers, Named
from sampan.apiserver.authorization.metrics import DecisionCounts
from sampan.apiserver.authorization.options import Loaded, accesses
from sampan.apiserver.authorization.structured.configuration import (
    ABAC,
    ALWAYS_ALLOW,
    ALWAYS_DENY,
    AuthorizationConfiguration,
    AuthorizerConfiguration,
)
from sampan.apiserver.flag_values import OptionsError
from sampan.client.kubeconfig import Access

if TYPE_CHECKING:
    from sampan.apiserver.authorization.metrics import AuthorizationMetrics

log = logging.getLogger(__name__)

_POLL = 2.0  # seconds between looks at the file: upstream is told of changes, and looks once a minute besides
_GRACE = 60.0  # seconds during which what was replaced may finish


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the server gives."""

    resident: Mapping[str, Authorizer]  # Node and RBAC, which live on the server's memory
    registry: CollectorRegistry
    server: str  # by which metrics tell API servers apart
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]


class Authorization:
    """The chain, and what it needs to be running."""

    def __init__(self, loaded: Loaded, around: Surroundings) -> None:
        """Raises OptionsError."""
        self._loaded, self._around, self._configuration = loaded, around, loaded.configuration
        self._metrics: AuthorizationMetrics | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._kept = {one.type: self._resident(one.type) for one in loaded.configuration.authorizers if not one.webhook}
        counts = DecisionCounts()
        around.registry.register(counts)
        self.authorizers = Authorizers(self._chain(loaded.configuration, loaded.accesses), counts.counts)

    def _resident(self, type_: str) -> Authorizer:
        """One that is made once."""
        if type_ == ABAC:
            from sampan.apiserver.authorization.abac import ABAC as ByAttributes

            return ByAttributes(self._loaded.policies)
        made: dict[str, Authorizer] = {ALWAYS_ALLOW: AlwaysAllow(), ALWAYS_DENY: AlwaysDeny()}
        return made.get(type_) or self._around.resident[type_]

    def _chain(self, configuration: AuthorizationConfiguration, reached: Mapping[str, Access]) -> list[Named]:
        """Raises OptionsError."""
        return [Named(one.name, one.type, self._authorizer(one, reached)) for one in configuration.authorizers]

    def _authorizer(self, one: AuthorizerConfiguration, reached: Mapping[str, Access]) -> Authorizer:
        if one.webhook is None:
            found = self._kept.get(one.type)
            if found is None:
                if one.type not in (ALWAYS_ALLOW, ALWAYS_DENY):
                    why = "is not allowed if it was not enabled at initial server startup"
                    raise OptionsError(f"authorizer type {one.type} {why}")
                found = self._resident(one.type)
            return found
        from sampan.apiserver.authorization.webhook.authorizer import WebhookAuthorizer
        from sampan.apiserver.webhooks.remote import RemoteWebhook

        access = reached[one.webhook.kubeconfig or ""]
        try:
            remote = RemoteWebhook(access, self._around.sleep, one.webhook.timeout)
        except (OSError, ValueError) as error:
            raise OptionsError(f"{one.webhook.kubeconfig}: {error}") from error
        return WebhookAuthorizer(one.name, one.webhook, remote, self._of_webhooks(), self._around.monotonic)

    def _of_webhooks(self) -> "AuthorizationMetrics":
        """Metrics of what most clusters have not."""
        if self._metrics is None:
            from sampan.apiserver.authorization.metrics import AuthorizationMetrics

            self._metrics = AuthorizationMetrics(self._around.registry, self._around.server)
        return self._metrics

    async def run(self) -> None:
        """Follow the file until cancelled."""
        file, seen = self._loaded.file, self._loaded.text
        if file is None:
            await asyncio.Event().wait()
            return
        metrics = self._of_webhooks()
        metrics.configured(seen)
        while True:
            await self._around.sleep(_POLL)
            try:
                text = await asyncio.to_thread(file.read_bytes)
                if text == seen:
                    continue
                seen = text  # what is wrong with it will stay wrong
                configuration, chain = await asyncio.to_thread(self._made, text)
            except (OSError, ValueError) as error:
                log.error("failed to load the authorization configuration of %s: %s", file, error)
                metrics.reloaded("failure")
                continue
            if configuration != self._configuration:
                log.info("reloaded the authorization configuration of %s", file)
                self._take(configuration, chain)
                metrics.reloaded("success")
                metrics.configured(text)

    def _made(self, text: bytes) -> tuple[AuthorizationConfiguration, list[Named]]:
        """Not for the event loop. Raises ValueError."""
        from sampan.apiserver.authorization.structured.config_file import parse
        from sampan.apiserver.authorization.structured.validation import check

        configuration = parse(text)
        check(configuration, self._kept)
        return configuration, self._chain(configuration, accesses(configuration, OptionsError))

    def _take(self, configuration: AuthorizationConfiguration, chain: list[Named]) -> None:
        """Requests may be under way, so what was there is given time."""
        old, self._configuration = self.authorizers.chain, configuration
        self.authorizers.chain = tuple(chain)
        task = asyncio.create_task(self._retire(old), name="former authorizers")
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def _retire(self, chain: Sequence[Named]) -> None:
        await self._around.sleep(_GRACE)
        await _close(chain)

    async def close(self) -> None:
        """End what is under way."""
        for retired in self._retired:
            retired.cancel()
        await _close(self.authorizers.chain)


async def _close(chain: Sequence[Named]) -> None:
    """Close the connections of webhooks."""
    for one in chain:
        if (close := getattr(one.authorizer, "close", None)) is not None:
            await close()
