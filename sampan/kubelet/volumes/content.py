"""What is in the files of configMap, secret, downwardAPI and projected volumes. Pure: sources are handed in.

Docs: "Volumes", "Projected Volumes". `wanted` says which sources and tokens a volume needs; volumes/manager.py fetches
them and writes the files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sampan.kubelet.downward import FieldUnavailable, field_value, resource_value
from sampan.kubelet.pod_certificate_state import Credentials
from sampan.kubelet.pod_env import Source, data_of
from sampan.kubelet.podspec import containers, init_containers
from sampan.kubelet.volumes.atomic import Content
from sampan.machinery import selectors
from sampan.machinery.meta import Object

DEFAULT_MODE = 0o644
DEFAULT_EXPIRATION = 3600


class VolumeError(Exception):
    """A volume can't be made now; str() is what FailedMount events say."""


class Token(NamedTuple):
    """A service account token that a projected volume asks for."""

    audience: str  # "": the API server's
    expiration: int  # seconds


class Anchors(NamedTuple):
    """The authorities that a projected volume asks for: those of a bundle, or of a signer's bundles."""

    name: str
    signer: str
    labels: str | None  # a selector; None selects nothing, "" everything
    optional: bool


class Wanted(NamedTuple):
    """What a volume is made of."""

    objects: set[Source]
    tokens: set[Token]
    anchors: set[Anchors]
    certificates: dict[int, Object]  # podCertificate sources, by their position in the volume


@dataclass(frozen=True, slots=True)
class Sources:
    """What the files are made of."""

    objects: Mapping[Source, Object | None] = field(default_factory=dict)
    tokens: Mapping[Token, str] = field(default_factory=dict)
    anchors: Mapping[Anchors, bytes] = field(default_factory=dict)
    certificates: Mapping[int, Credentials] = field(default_factory=dict)
    allocatable: Mapping[str, str] = field(default_factory=dict)  # of the node


def parts(volume: Object) -> list[tuple[Object, int]]:
    """A volume as (source in projected form, default mode) items; empty for other kinds of volumes."""
    if "configMap" in volume:
        return [({"configMap": volume["configMap"]}, _mode(volume["configMap"]))]
    if "secret" in volume:
        secret = volume["secret"]
        return [({"secret": secret | {"name": secret["secretName"]}}, _mode(secret))]
    if "downwardAPI" in volume:
        return [({"downwardAPI": volume["downwardAPI"]}, _mode(volume["downwardAPI"]))]
    if "projected" in volume:
        mode = _mode(volume["projected"])
        return [(source, mode) for source in volume["projected"].get("sources") or ()]
    return []


def wanted(volume: Object) -> Wanted:
    """What has to be fetched for a volume."""
    sources = [source for source, _ in parts(volume)]
    objects = {Source("configmap", s["configMap"]["name"]) for s in sources if "configMap" in s}
    objects |= {Source("secret", s["secret"]["name"]) for s in sources if "secret" in s}
    tokens = {_token(s["serviceAccountToken"]) for s in sources if "serviceAccountToken" in s}
    anchors = {_anchors(s["clusterTrustBundle"]) for s in sources if "clusterTrustBundle" in s}
    certificates = {index: s["podCertificate"] for index, s in enumerate(sources) if "podCertificate" in s}
    return Wanted(objects, tokens, anchors, certificates)


def files(volume: Object, pod: Object, sources: Sources) -> dict[str, Content]:
    """The files of a volume by path; raises VolumeError."""
    found: dict[str, Content] = {}
    for position, (source, mode) in enumerate(parts(volume)):
        found |= dict(_files_of(source, mode, pod, sources))
        if "podCertificate" in source:
            found |= dict(_credentials(source["podCertificate"], mode, pod, sources.certificates[position]))
    return found


def _files_of(source: Object, mode: int, pod: Object, sources: Sources) -> Iterator[tuple[str, Content]]:
    if "configMap" in source:
        yield from _keys("configmap", source["configMap"], mode, pod, sources)
    if "secret" in source:
        yield from _keys("secret", source["secret"], mode, pod, sources)
    for item in (source.get("downwardAPI") or {}).get("items") or ():
        yield item["path"], Content(_downward(item, pod, sources).encode(), item.get("mode") or mode)
    if "serviceAccountToken" in source:
        wish = source["serviceAccountToken"]
        yield wish["path"], _confined(sources.tokens[_token(wish)].encode(), mode, pod)
    if "clusterTrustBundle" in source:
        wish = source["clusterTrustBundle"]
        yield wish["path"], _confined(sources.anchors[_anchors(wish)], mode, pod)


def _credentials(wish: Object, mode: int, pod: Object, held: Credentials) -> Iterator[tuple[str, Content]]:
    for setting, data in (
        ("credentialBundlePath", held.key + held.chain),
        ("keyPath", held.key),
        ("certificateChainPath", held.chain),
    ):
        if path := wish.get(setting):
            yield path, _confined(data, mode, pod)


def _confined(data: bytes, mode: int, pod: Object) -> Content:
    """A file for nobody but the pod's user or group, where it has one."""
    group, user = (pod["spec"].get("securityContext") or {}).get("fsGroup"), _only_user(pod)
    return Content(data, mode if group is None and user is None else 0o600, -1 if user is None else user)


def _only_user(pod: Object) -> int | None:
    """The user as which all containers run."""
    default = (pod["spec"].get("securityContext") or {}).get("runAsUser")
    own = [(spec.get("securityContext") or {}).get("runAsUser") for spec in (*init_containers(pod), *containers(pod))]
    users = {default if user is None else user for user in own}
    return users.pop() if len(users) == 1 else None


def _keys(kind: str, wish: Object, mode: int, pod: Object, sources: Sources) -> Iterator[tuple[str, Content]]:
    obj = sources.objects.get(Source(kind, wish["name"]))
    if obj is None:
        if wish.get("optional"):
            return
        raise VolumeError(f'{kind} "{wish["name"]}" not found')
    data = data_of(obj)
    items = wish.get("items")
    if not items:
        yield from ((key, Content(value, mode)) for key, value in data.items())
        return
    for item in items:
        if item["key"] in data:
            yield item["path"], Content(data[item["key"]], item.get("mode") or mode)
        elif not wish.get("optional"):
            shown = "config" if kind == "configmap" else "secret"
            raise VolumeError(f"references non-existent {shown} key: {item['key']}")


def _downward(item: Object, pod: Object, sources: Sources) -> str:
    try:
        if "fieldRef" in item:
            return field_value(pod, item["fieldRef"]["fieldPath"])
        return resource_value(pod, item["resourceFieldRef"], "", sources.allocatable)
    except FieldUnavailable as error:
        raise VolumeError(str(error)) from error


def _token(wish: Object) -> Token:
    return Token(wish.get("audience") or "", int(wish.get("expirationSeconds") or DEFAULT_EXPIRATION))


def _anchors(wish: Object) -> Anchors:
    selector = wish.get("labelSelector")
    labels = None if selector is None else str(selectors.from_label_selector(selector))
    return Anchors(wish.get("name") or "", wish.get("signerName") or "", labels, bool(wish.get("optional")))


def _mode(source: Object) -> int:
    mode = source.get("defaultMode")
    return DEFAULT_MODE if mode is None else int(mode)
