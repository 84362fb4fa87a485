"""The scale of what an autoscaler scales: any kind that has one, found by discovery. Called by controller.py."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sampan.client.api import Client
from sampan.controllers.horizontal_pod_autoscaler.numbers import INT32_MAX
from sampan.machinery.errors import APIError, Conflict, NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.reconcile.discovery import Discovery

_ATTEMPTS, _PAUSE = 5, 0.01  # seconds; of an update that others overtake


class TargetError(Exception):
    """There is no scale to be had; the message says why, in upstream's words."""


class Target(NamedTuple):
    """What is scaled, and its Scale as it was read."""

    kind: Kind
    path: str
    scale: Object

    @property
    def replicas(self) -> int:
        """How many pods are asked for."""
        return _count((self.scale.get("spec") or {}).get("replicas"))

    @property
    def there(self) -> int:
        """How many there are."""
        return _count((self.scale.get("status") or {}).get("replicas"))

    @property
    def selector(self) -> str:
        """Which they are, as text."""
        return str((self.scale.get("status") or {}).get("selector") or "")


class Targets:
    """Reads and writes scales."""

    def __init__(self, client: Client, discovery: Discovery, clock: Clock) -> None:
        self._client, self._discovery, self._clock = client, discovery, clock

    async def get(self, ref: Object, namespace: str) -> Target:
        """What a reference means: of several kinds that it may be, the first that has a scale. Raises TargetError."""
        group, kind, name = _group(ref.get("apiVersion") or ""), ref.get("kind") or "", ref.get("name") or ""
        kinds = self._discovery.matching(group, kind)
        if not kinds:
            raise TargetError(f'no matches for kind "{kind}" in group "{group}"')
        errors = []
        for found in kinds:
            try:
                path = found.path(namespace, name, "scale")
                return Target(found, path, await self._read(path))
            except (APIError, OSError, ValueError, TypeError) as error:
                errors.append(error)
        raise TargetError(_said(kinds[0], errors[0])) from errors[0]

    async def scale(self, target: Target, replicas: int) -> None:
        """Ask for so many pods, whoever else changes the target meanwhile. Raises APIError, OSError."""
        scale = target.scale
        for left in reversed(range(_ATTEMPTS)):
            try:
                body = {**scale, "spec": {**(scale.get("spec") or {}), "replicas": replicas}}
                await self._client.transport.request("PUT", target.path, body=body)
                return
            except Conflict:
                if not left:
                    raise
            scale = await self._read(target.path)
            await self._clock.sleep(_PAUSE)

    async def _read(self, path: str) -> Object:
        return _checked(await self._client.transport.request("GET", path))


def _group(api_version: str) -> str:
    if api_version.count("/") > 1:
        raise TargetError(f"unexpected GroupVersion string: {api_version}")
    return api_version.rpartition("/")[0]


def _said(kind: Kind, error: Exception) -> str:
    """Whether it is the object that is missing, or the scale."""
    if isinstance(error, NotFound) and not error.details.get("name"):
        version = kind.storage
        place = f"{version.group}/{version.version}, Resource={kind.plural}"
        return f"could not find scale subresource for {place} in discovery information"
    return str(error)


def _checked(scale: Any) -> Object:
    """A Scale, whoever has sent it."""
    parts = list(_parts(scale))
    for part in parts:
        if not isinstance(part, dict):
            raise TypeError("received an object from a /scale endpoint which was not convertible to autoscaling Scale")
        _count(part.get("replicas"))
    found: Object = scale
    return found


def _parts(scale: Any) -> Iterator[Any]:
    yield scale
    if isinstance(scale, dict):
        yield scale.get("spec") or {}
        yield scale.get("status") or {}


def _count(replicas: Any) -> int:
    if replicas is not None and (type(replicas) is not int or not 0 <= replicas <= INT32_MAX):
        raise ValueError(f"{replicas!r} is no number of replicas")
    return replicas or 0
