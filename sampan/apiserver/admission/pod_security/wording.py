"""The words that findings are made of, and the containers that they are about."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from sampan.machinery.meta import Object


class Finding(NamedTuple):
    """Why a pod is not allowed: in short, and with the values at fault."""

    reason: str
    detail: str


def containers(spec: Object) -> Iterator[Object]:
    """Every container of a pod, in the order in which findings name them."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(field) or ()


def security(holder: Object) -> Object:
    """The security context of a pod spec or a container; empty where there is none."""
    return holder.get("securityContext") or {}


def names_where(spec: Object, is_bad: Callable[[Object], bool]) -> list[str]:
    """The names of the containers of which something holds."""
    return [container.get("name") or "" for container in containers(spec) if is_bad(container)]


def quoted(words: Iterable[Any]) -> str:
    """`"a", "b"`."""
    return '"' + '", "'.join(map(str, words)) + '"'


def number(count: int, one: str, many: str = "") -> str:
    """The word for so many."""
    return one if count == 1 else many or f"{one}s"


def named(names: Collection[str]) -> str:
    """`container "a"` or `containers "a", "b"`."""
    return f"{number(len(names), 'container')} {quoted(names)}"


def setters(*, pod: bool, names: Collection[str]) -> str:
    """`pod and container "a"`: who has set something; empty where nobody has."""
    return " and ".join([*(["pod"] if pod else []), *([named(names)] if names else [])])


def is_windows(spec: Object) -> bool:
    """Whether the pod is one for Windows, where some settings do not exist."""
    return (spec.get("os") or {}).get("name") == "windows"


def has_own_users(spec: Object) -> bool:
    """Whether the pod has a user namespace, in which root is nobody."""
    return spec.get("hostUsers") is False
