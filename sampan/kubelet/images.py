"""Images on demand: pull policies, pull back-off, pull secrets, and the events that tell of it.

One `Images` serves all pods of the node; that two pulls of one image share their work is the runtime's. Called by
start.py.
Docs: "Images"; reasons and messages are upstream's.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.backoff import RestartBackoff, go_duration
from sampan.kubelet.cri import CRI, CRIError
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock

# Tells an event: (type, reason, message).
Tell = Callable[[str, str, str], None]

PARALLEL_PULLS = 5

_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"((?:{_DOMAIN}/)?{_NAME}(?:/{_NAME})*)(?::([\w][\w.-]{{0,127}}))?(?:@([A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{{32,}}))?",
    re.ASCII,
)


class ImageError(Exception):
    """The image can't be had now; `reason` and str() are the container's waiting state."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def full_reference(image: str) -> str:
    """The image's name with its tag; raises ImageError InvalidImageName (docs "Images", Image names)."""
    found = _REFERENCE.fullmatch(image)
    if found is None:
        why = f'couldn\'t parse image name "{image}": invalid reference format{_reproach(image)}'
        raise ImageError("InvalidImageName", f'Failed to apply default image tag "{image}": {why}')
    return image if found[2] or found[3] else f"{image}:latest"


def _reproach(image: str) -> str:
    """What is said of the commonest mistake, capitals outside the registry's name."""
    first, slash, rest = image.partition("/")
    is_registry = slash and (first == "localhost" or first != first.lower() or "." in first or ":" in first)
    remote = (rest if is_registry else image if slash else f"library/{image}").partition(":")[0]
    return f": repository name ({remote}) must be lowercase" if remote != remote.lower() else ""


class Images:
    """The node's images, through CRI."""

    def __init__(self, cri: CRI, clock: Clock) -> None:
        self.cri = cri
        self._clock = clock
        self._backoff = RestartBackoff()
        self._failures: dict[str, tuple[str, datetime]] = {}  # the last one by key, and when
        self._slots = asyncio.Semaphore(PARALLEL_PULLS)

    async def ensure(self, spec: Object, key: str, tell: Tell, secrets: Sequence[Object], sandbox: Any | None) -> Any:
        """The CRI Image for a container, pulled if its policy asks for it. Raises ImageError.

        `key` names the pod in the back-off; `secrets` are its pull secrets.
        """
        try:
            name = full_reference(spec["image"])
        except ImageError as error:
            tell("Warning", "InspectFailed", str(error))
            raise
        policy = spec.get("imagePullPolicy") or ("Always" if name.endswith(":latest") else "IfNotPresent")
        present = await self.cri.image_status(name)
        if present is not None and policy != "Always":
            tell("Normal", "Pulled", f'Container image "{spec["image"]}" already present on machine')
            return present
        if policy == "Never":
            message = f'Container image "{spec["image"]}" is not present with pull policy of Never'
            tell("Warning", "ErrImageNeverPull", message)
            raise ImageError("ErrImageNeverPull", message)
        return await self._pull(spec["image"], name, f"{key}_{name}", tell, secrets, sandbox)

    def forget(self, key: str) -> None:
        """A pod is gone: drop what is remembered of its failures."""
        for known in [known for known in self._failures if known.startswith(f"{key}_")]:
            del self._failures[known]
            self._backoff.forget(known)

    async def _pull(
        self, shown: str, name: str, key: str, tell: Tell, secrets: Sequence[Object], sandbox: Any | None
    ) -> Any:
        self._check_backoff(shown, key, tell)
        asked = self._clock.monotonic()
        tell("Normal", "Pulling", f'Pulling image "{shown}"')
        try:
            async with self._slots:
                began = self._clock.monotonic()
                image = await self._pull_now(name, credentials(secrets, name), sandbox)
        except CRIError as error:
            self._failures[key] = (f"ErrImagePull: {error}", self._clock.now())
            self._backoff.advance(key, self._clock.now())
            tell("Warning", "Failed", f'Failed to pull image "{shown}": {error}')
            raise ImageError("ErrImagePull", str(error)) from error
        self._failures.pop(key, None)
        self._backoff.forget(key)
        now = self._clock.monotonic()
        took, waited = (go_duration(timedelta(seconds=now - since)) for since in (began, asked))
        size = f"Image size: {image.size} bytes."
        tell("Normal", "Pulled", f'Successfully pulled image "{shown}" in {took} ({waited} including waiting). {size}')
        return image

    def _check_backoff(self, shown: str, key: str, tell: Tell) -> None:
        last = self._failures.get(key)
        until = self._backoff.until(key, last[1]) if last else None
        if last and until and until > self._clock.now():
            message = f'Back-off pulling image "{shown}"'
            tell("Normal", "BackOff", message)
            raise ImageError("ImagePullBackOff", f"{message}: {last[0]}")

    async def _pull_now(self, name: str, logins: Sequence[Any], sandbox: Any | None) -> Any:
        """Try each login until one is accepted; without any, pull anonymously."""
        failure = CRIError("NotFound", f'image "{name}" was pulled and is not there')
        for login in logins or (None,):
            try:
                await self.cri.pull_image(name, login, sandbox)
            except CRIError as error:
                failure = error
                continue
            if (image := await self.cri.image_status(name)) is not None:
                return image
        raise failure


def credentials(secrets: Sequence[Object], image: str) -> list[Any]:
    """The AuthConfigs that pull secrets hold for an image's registry, the most specific first."""
    found: list[tuple[int, Any]] = []
    for registry, login in (item for secret in secrets for item in _logins(secret)):
        location = re.sub(r"^https?://", "", registry).removesuffix("/v1/").removesuffix("/v2/").rstrip("/")
        if _matches(location, image):
            found.append((len(location), login))
    return [login for _, login in sorted(found, key=lambda item: -item[0])]


def _matches(location: str, image: str) -> bool:
    first = image.split("/")[0]
    is_hub = not ("." in first or ":" in first or first == "localhost") or "/" not in image
    full = f"index.docker.io/{image}" if is_hub else image
    if location in ("docker.io", "registry-1.docker.io"):
        location = "index.docker.io"
    return full == location or full.startswith(location + "/")


def _logins(secret: Object) -> list[tuple[str, Any]]:
    data = secret.get("data") or {}
    try:
        if ".dockerconfigjson" in data:
            auths = orjson.loads(base64.b64decode(data[".dockerconfigjson"])).get("auths") or {}
        elif ".dockercfg" in data:
            auths = orjson.loads(base64.b64decode(data[".dockercfg"]))
        else:
            return []
        return [(registry, _login(registry, entry)) for registry, entry in auths.items()]
    except (orjson.JSONDecodeError, binascii.Error, AttributeError, UnicodeDecodeError):
        return []  # as upstream: a pull secret that can't be read is as good as none


def _login(registry: str, entry: Object) -> Any:
    user, password = entry.get("username") or "", entry.get("password") or ""
    if entry.get("auth"):
        user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
    token = entry.get("identitytoken") or ""
    return pb.AuthConfig(username=user, password=password, server_address=registry, identity_token=token)
