"""Image names, pull policies and pull secrets."""

import base64
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from sampan.kubelet.cri import CRIError
from sampan.kubelet.gc import bytes_to_free, unused
from sampan.kubelet.images import ImageError, Images, credentials, full_reference
from sampan.kubelet.machine import Pressure
from sampan.machinery.meta import Object
from tests.kubelet.pods import NOW


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("busybox", "busybox:latest"),
        ("luksa/kubia", "luksa/kubia:latest"),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
        ("a@sha256:" + "0" * 64, "a@sha256:" + "0" * 64),
    ],
)
def test_names_get_a_tag(image: str, full: str) -> None:
    assert full_reference(image) == full


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("", ""),
        ("UPPER", ": repository name (library/UPPER) must be lowercase"),
        ("luksa/Kubia:v1", ": repository name (luksa/Kubia) must be lowercase"),
        ("localhost:5000/A", ": repository name (A) must be lowercase"),
        ("a b", ""),
        ("a:", ""),
        ("-a", ""),
        ("a/:v", ""),
    ],
)
def test_bad_names_are_refused(image: str, why: str) -> None:
    with pytest.raises(ImageError) as error:
        full_reference(image)
    assert error.value.reason == "InvalidImageName"
    assert str(error.value) == (
        f'Failed to apply default image tag "{image}": '
        f'couldn\'t parse image name "{image}": invalid reference format{why}'
    )


class FakeCRI:
    """Has some images; pulls succeed, or fail with a message."""

    def __init__(self, *present: str, failure: str = "") -> None:
        self.present = set(present)
        self.failure = failure
        self.pulled: list[tuple[str, Any]] = []

    async def image_status(self, image: str) -> Any | None:
        return SimpleNamespace(id=image, size=42) if image in self.present else None

    async def pull_image(self, image: str, auth: Any, sandbox: Any) -> str:
        self.pulled.append((image, auth))
        if self.failure:
            raise CRIError("NotFound", self.failure)
        self.present.add(image)
        return image


class Stopped:
    """A clock that stands still."""

    def now(self) -> Any:
        return NOW

    def monotonic(self) -> float:
        return 0.0


async def ensure(cri: FakeCRI, images: Images | None = None, **spec: Any) -> tuple[list[str], str]:
    """The events told, and the reason of the failure."""
    told: list[str] = []
    images = images or Images(cri, Stopped())  # type: ignore[arg-type]
    try:
        await images.ensure({"name": "main", **spec}, "u1", lambda t, r, m: told.append(f"{r}: {m}"), [], None)
    except ImageError as error:
        return told, f"{error.reason}: {error}"
    return told, ""


PULLED = [
    'Pulling: Pulling image "a:1"',
    'Pulled: Successfully pulled image "a:1" in 0s (0s including waiting). Image size: 42 bytes.',
]
PRESENT = ['Pulled: Container image "a:1" already present on machine']


@pytest.mark.parametrize(
    ("present", "policy", "events"),
    [
        (["a:1"], "IfNotPresent", PRESENT),
        ([], "IfNotPresent", PULLED),
        (["a:1"], "Always", PULLED),
        (["a:1"], "Never", PRESENT),
    ],
)
async def test_policies(present: list[str], policy: str, events: list[str]) -> None:
    assert await ensure(FakeCRI(*present), image="a:1", imagePullPolicy=policy) == (events, "")


async def test_never_means_never() -> None:
    message = 'Container image "a:1" is not present with pull policy of Never'
    told, failure = await ensure(FakeCRI(), image="a:1", imagePullPolicy="Never")
    assert (told, failure) == ([f"ErrImageNeverPull: {message}"], f"ErrImageNeverPull: {message}")


async def test_a_failed_pull_backs_off() -> None:
    cri = FakeCRI(failure="no such thing")
    images = Images(cri, Stopped())  # type: ignore[arg-type]
    told, failure = await ensure(cri, images, image="a:1")
    why = "rpc error: code = NotFound desc = no such thing"
    assert failure == f"ErrImagePull: {why}"
    assert told[1] == f'Failed: Failed to pull image "a:1": {why}'
    told, failure = await ensure(cri, images, image="a:1")
    assert failure == f'ImagePullBackOff: Back-off pulling image "a:1": ErrImagePull: {why}'
    assert told == ['BackOff: Back-off pulling image "a:1"']
    assert len(cri.pulled) == 1


def pull_secret(**auths: Object) -> Object:
    data = orjson.dumps({"auths": auths})
    return {"data": {".dockerconfigjson": base64.b64encode(data).decode()}}


def test_the_most_specific_login_comes_first() -> None:
    secret = pull_secret(
        **{
            "https://index.docker.io/v1/": {"auth": base64.b64encode(b"hub:secret").decode()},
            "reg.example": {"username": "all", "password": "x"},
            "reg.example/team": {"username": "team", "password": "x"},
        }
    )
    assert [login.username for login in credentials([secret], "reg.example/team/app:1")] == ["team", "all"]
    assert [login.username for login in credentials([secret], "reg.example/teams:1")] == ["all"]
    assert [(login.username, login.password) for login in credentials([secret], "luksa/kubia")] == [("hub", "secret")]
    assert credentials([secret], "evil.example/reg.example/x") == []


def test_a_broken_secret_is_as_good_as_none() -> None:
    assert credentials([{"data": {".dockerconfigjson": "bm90IGpzb24="}}], "a") == []


def image(name: str, size: int, **fields: Any) -> Any:
    return SimpleNamespace(id=name, repo_tags=[name], repo_digests=[], size=size, **({"pinned": False} | fields))


def test_collection_begins_above_the_high_mark_and_goes_down_to_the_low_one() -> None:
    def left(available: int) -> Pressure:
        return Pressure(0, available, 1000, 0, 0, 0, 1)

    assert bytes_to_free(left(200), 85, 80) == 0
    assert bytes_to_free(left(100), 85, 80) == 100


def test_used_and_pinned_images_stay() -> None:
    images = [image("a", 1), image("b", 3), image("used", 9), image("pin", 9, pinned=True)]
    images.append(image("sampan.internal/pause:1", 1))
    assert [i.id for i in unused(images, {"used"})] == ["b", "a"]
