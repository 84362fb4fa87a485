"""Encryption at rest as a running server has it: transformers, plugins and their health, and a file that may change.

    encryption = await Encryption.start(path, reload=True, clock=clock, metrics=metrics)     # raises ConfigFileError
    store = await SQLiteStore.open(file, encryption.transformers)
    await encryption.run(store.reread)                                                       # until cancelled

Called by cluster/. Rules: k8s.io/apiserver/pkg/server/options/encryptionconfig (config.go, controller/controller.go).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sampan.machinery.aggregate import aggregated
from sampan.machinery.durations import parse_duration
from sampan.storage.clock import Clock
from sampan.storage.encryption import providers
from sampan.storage.encryption.config_file import KMS, ConfigFileError, read
from sampan.storage.encryption.metrics import EncryptionMetrics
from sampan.storage.encryption.providers import Loaded
from sampan.storage.encryption.transformer import Transformer
from sampan.storage.encryption.transformers import Overrides, Transformers
from sampan.storage.protocol import StoreError

if TYPE_CHECKING:
    from sampan.storage.encryption.kms.probe import Probe

log = logging.getLogger(__name__)

_POLL = 60.0  # seconds between two looks at the file
_SOONEST = 1.0  # seconds until a file that could not be used is looked at again; doubled each time
_HEALTHY_WITHIN, _STEP = 10.0, 0.1  # seconds that new plugins have to become healthy

Reread = Callable[[], Awaitable[object]]


class Plan:
    """One configuration, with its plugins."""

    def __init__(self, loaded: Loaded, clock: Clock, metrics: EncryptionMetrics) -> None:
        self.hash = loaded.hash
        self.probes: list[Probe] = []
        self.timeouts = 0.0  # of all plugins together
        self._clock, self._metrics = clock, metrics
        self.overrides: Overrides = providers.overrides(loaded.configuration, self._make_kms, metrics.transformed)

    def _make_kms(self, kms: KMS) -> Transformer:
        from sampan.storage.encryption.kms.envelope import Envelope
        from sampan.storage.encryption.kms.probe import Probe
        from sampan.storage.encryption.kms.service import Service

        timeout = parse_duration(kms.timeout)
        self.timeouts += timeout
        service = Service(kms.name, kms.endpoint, timeout, self._metrics)
        probe = Probe(service, self._clock, self._metrics)
        self.probes.append(probe)
        return Envelope(service, probe.state, self._clock.now, self._metrics)

    async def check(self) -> str:
        """What is wrong with the plugins, one after the other; "" if nothing is."""
        wrong = [f"kms-provider-{at}: {why}" for at, probe in enumerate(self.probes) if (why := await probe.check())]
        return aggregated(wrong)

    async def run(self, recovered: Reread) -> None:
        """Poll the plugins, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for probe in self.probes:
                group.create_task(probe.run(recovered), name=f"KMS plugin {probe.service.name}")

    def close(self) -> None:
        """Close the connections."""
        for probe in self.probes:
            probe.service.close()


class Encryption:
    """See the module; made by `start`."""

    def __init__(self, path: Path, plan: Plan, *, reload: bool, clock: Clock, metrics: EncryptionMetrics) -> None:
        self.transformers = Transformers(plan.overrides)
        self._path, self._plan, self._reload = path, plan, reload
        self._clock, self._metrics = clock, metrics

    @classmethod
    async def start(cls, path: Path, *, reload: bool, clock: Clock, metrics: EncryptionMetrics) -> "Encryption":
        """Read the file, and ask its plugins once: they may come up later. Raises ConfigFileError."""
        plan = Plan(providers.load(path, reload=reload), clock, metrics)
        await plan.check()
        metrics.loaded(plan.hash)
        return cls(path, plan, reload=reload, clock=clock, metrics=metrics)

    @property
    def has_health(self) -> bool:
        """Whether there is, or may come to be, a plugin whose health counts."""
        return self._reload or bool(self._plan.probes)

    async def health(self) -> str:
        """What is wrong with the plugins of the moment: the check `kms-providers`."""
        return await self._plan.check()

    async def run(self, reread: Reread) -> None:
        """Poll the plugins, and follow the file if so configured; `reread` is called when more may be readable."""

        async def recovered() -> None:
            await _reread(reread)

        polling = asyncio.create_task(self._plan.run(recovered), name="KMS plugins")
        try:
            while self._reload:
                await self._next_change()
                polling.cancel()
                await asyncio.wait([polling])
                polling = asyncio.create_task(self._plan.run(recovered), name="KMS plugins")
                await recovered()
            await polling
        finally:
            polling.cancel()
            self._plan.close()

    async def _next_change(self) -> None:
        """Wait until the file has changed, and use it: an error leaves all as it was."""
        pause = _POLL
        while True:
            await self._clock.sleep(pause)
            try:
                if await self._changed():
                    self._metrics.reloaded("success")
                    return
            except ConfigFileError as error:
                log.error("error processing encryption config file %s: %s", self._path, error)
                self._metrics.reloaded("failure")
                pause = _SOONEST if pause == _POLL else min(2 * pause, _POLL)
            else:
                pause = _POLL

    async def _changed(self) -> bool:
        if (await asyncio.to_thread(read, self._path))[1] == self._plan.hash:
            return False
        plan = Plan(await asyncio.to_thread(providers.load, self._path, reload=True), self._clock, self._metrics)
        try:
            await self._wait_healthy(plan)
        except BaseException:
            plan.close()
            raise
        old, self._plan = self._plan, plan
        self.transformers.install(plan.overrides)
        self._metrics.loaded(plan.hash)
        log.info("the encryption configuration has changed, and is in use")
        asyncio.get_running_loop().call_later(2 * old.timeouts, old.close)  # calls may be under way
        return True

    async def _wait_healthy(self, plan: Plan) -> None:
        """Raises ConfigFileError where the plugins are not healthy in time."""
        end = self._clock.monotonic() + max(2 * plan.timeouts, _HEALTHY_WITHIN)
        while wrong := await plan.check():
            if self._clock.monotonic() >= end:
                raise ConfigFileError(f"health check for new transformers failed: {wrong}")
            await self._clock.sleep(_STEP)


async def _reread(reread: Reread) -> None:
    try:
        await reread()
    except StoreError as error:
        log.warning("values that have become readable can't be written anew: %s", error)
