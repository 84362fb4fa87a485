"""The configuration in use: followed as its file changes, replaced once every issuer in it has been found.

A file that can't be used leaves all as it was. Rules: k8s.io/kubernetes/pkg/kubeapiserver/options (ApplyTo), and
authenticator (updateAuthenticationConfig). Made by setup.py, run by server.py.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from sampan.apiserver.authentication.attempt import Attempt, Opinion
from sampan.apiserver.authentication.jwt.authenticator import JWTTokens, NoEgress
from sampan.apiserver.authentication.jwt.config_file import parse
from sampan.apiserver.authentication.jwt.configuration import AuthenticationConfiguration
from sampan.apiserver.authentication.jwt.issuer import Surroundings
from sampan.apiserver.authentication.jwt.validation import validate
from sampan.machinery.aggregate import aggregated
from sampan.machinery.component_config import Malformed
from sampan.machinery.paths import forbidden

log = logging.getLogger(__name__)

_POLL = 2.0  # seconds between looks at the file: upstream is told of changes, and looks once a minute besides
_PATIENCE = 60.0  # seconds for all issuers of a new configuration to be found
_GRACE = 60.0  # seconds during which what was replaced may finish


class Unusable(ValueError):
    """A configuration can't be used; str() says why, in upstream's words."""


class Maker:
    """Makes authenticators of configurations, always in the same way."""

    def __init__(
        self, algorithms: Sequence[str], audiences: Sequence[str], disallowed: Sequence[str], around: Surroundings
    ) -> None:
        self._algorithms, self._audiences, self._disallowed = algorithms, audiences, disallowed
        self.around = around

    def make(
        self, configuration: AuthenticationConfiguration, first: AuthenticationConfiguration | None = None
    ) -> JWTTokens:
        """Not for the event loop. Raises Unusable. What `first` says of anonymous requests may not be changed."""
        compiled, errors = validate(configuration, self._disallowed)
        if first is not None and configuration.anonymous != first.anonymous:
            errors.append(forbidden("anonymous", "changed from initial configuration file"))
        if errors:
            raise Unusable(aggregated(errors))
        try:
            return JWTTokens(configuration, compiled, self._algorithms, self._audiences, self.around)
        except (NoEgress, OSError) as error:
            raise Unusable(str(error)) from error


class LiveTokens:
    """The tokens of the configuration of the moment: a TokenAuthenticator. `changed` is called after each change."""

    def __init__(self, maker: Maker, configuration: AuthenticationConfiguration, changed: Callable[[], None]) -> None:
        """Raises Unusable."""
        self._maker, self._first, self._changed = maker, configuration, changed
        self._tokens = maker.make(configuration)
        self._retired: set[asyncio.Task[None]] = set()

    def authenticate(self, token: str, attempt: Attempt) -> Opinion:
        """As JWTTokens."""
        return self._tokens.authenticate(token, attempt)

    async def run(self, path: Path | None = None, text: bytes = b"") -> None:
        """Find the issuers, and follow the file, of which `text` is in use."""
        running = asyncio.create_task(self._tokens.run(), name="OIDC issuers")
        try:
            while path is not None:
                text, made, finding = await self._next(path, text)
                await self._retire(self._tokens, running, made)
                self._tokens, running = made, finding
                self._changed()
            await asyncio.Event().wait()
        finally:
            running.cancel()
            for retired in self._retired:
                retired.cancel()
            await self._tokens.close()

    async def _next(self, path: Path, used: bytes) -> tuple[bytes, JWTTokens, asyncio.Task[None]]:
        """Wait until the file says something else that can be used."""
        metrics, seen = self._maker.around.metrics, used
        metrics.configured(used)
        while True:
            await self._maker.around.sleep(_POLL)
            try:
                text = await asyncio.to_thread(path.read_bytes)
                if text in (used, seen):
                    continue
                seen = text  # what is wrong with it will stay wrong
                made = await asyncio.to_thread(self._made, text)
                found = await self._found(made)
            except (OSError, Malformed, Unusable) as error:
                log.error("failed to load the authentication configuration of %s: %s", path, error)
                metrics.reloaded("failure")
                continue
            if isinstance(found, str):
                log.error("failed to update the authentication configuration: %s", found)
                metrics.reloaded("failure")
                seen = used  # issuers may come up: try again
                continue
            log.info("reloaded the authentication configuration of %s", path)
            metrics.reloaded("success")
            return text, made, found

    def _made(self, text: bytes) -> JWTTokens:
        return self._maker.make(parse(text), self._first)

    async def _found(self, made: JWTTokens) -> asyncio.Task[None] | str:
        """The task that keeps the issuers, once all are found; why not, where they aren't in time."""
        finding = asyncio.create_task(made.run(), name="OIDC issuers")
        try:
            async with asyncio.timeout(_PATIENCE):
                await made.ready()
            return finding
        except TimeoutError:
            finding.cancel()
            await made.close()
            return made.trouble()
        except BaseException:
            finding.cancel()
            raise

    async def _retire(self, old: JWTTokens, running: asyncio.Task[None], new: JWTTokens) -> None:
        """Requests may be under way."""

        async def end() -> None:
            await self._maker.around.sleep(_GRACE)
            running.cancel()
            await old.close()
            for issuer in old.urls - new.urls:
                self._maker.around.metrics.forget(issuer)

        task = asyncio.create_task(end(), name="former OIDC issuers")
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)
