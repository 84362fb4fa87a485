"""What an extender is told to be, a server outside that has a say: values, and how they are read from a file.

Source: k8s.io/kube-scheduler/config/v1/types.go (Extender). Called by config_file.py.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sampan.kinds.core.resource_validation import is_extended
from sampan.machinery.component_config import Malformed
from sampan.machinery.durations import parse_duration
from sampan.machinery.errors import FieldError
from sampan.machinery.names import qualified_name
from sampan.machinery.paths import Path as FieldPath
from sampan.machinery.paths import check, invalid

SHAPE: Mapping[str, Any] = {
    **dict.fromkeys(("urlPrefix", "filterVerb", "preemptVerb", "prioritizeVerb", "bindVerb", "httpTimeout"), str),
    "weight": int,
    **dict.fromkeys(("enableHTTPS", "nodeCacheCapable", "ignorable"), bool),
    "tlsConfig": {
        "insecure": bool,
        **dict.fromkeys(("serverName", "certFile", "keyFile", "caFile", "certData", "keyData", "caData"), str),
    },
    "managedResources": [{"name": str, "ignoredByScheduler": bool}],
}
_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class TLSConfiguration:
    """Whom to trust and who asks; data, which is PEM, goes before files."""

    insecure: bool = False
    server_name: str = ""
    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""
    cert_data: bytes = b""
    key_data: bytes = b""
    ca_data: bytes = b""


class ManagedResource(NamedTuple):
    """A resource that is the extender's."""

    name: str
    ignored_by_scheduler: bool = False


@dataclass(frozen=True, slots=True)
class ExtenderConfiguration:
    """One extender; verbs that it does not have are empty."""

    url_prefix: str
    filter_verb: str = ""
    preempt_verb: str = ""
    prioritize_verb: str = ""
    bind_verb: str = ""
    weight: int = 1
    enable_https: bool = False
    tls: TLSConfiguration = field(default_factory=TLSConfiguration)
    timeout: float = _TIMEOUT  # of a call, in seconds
    node_cache_capable: bool = False
    managed_resources: tuple[ManagedResource, ...] = ()
    ignorable: bool = False


def extender_of(tree: Mapping[str, Any], directory: Path) -> ExtenderConfiguration:
    """An extender of a file in a directory, which the names of other files are relative to. Raises Malformed."""
    return ExtenderConfiguration(
        url_prefix=tree.get("urlPrefix", ""),
        filter_verb=tree.get("filterVerb", ""),
        preempt_verb=tree.get("preemptVerb", ""),
        prioritize_verb=tree.get("prioritizeVerb", ""),
        bind_verb=tree.get("bindVerb", ""),
        weight=tree.get("weight", 0),
        enable_https=tree.get("enableHTTPS", False),
        tls=_tls(tree.get("tlsConfig") or {}, directory),
        timeout=_seconds(tree.get("httpTimeout", "")) or _TIMEOUT,
        node_cache_capable=tree.get("nodeCacheCapable", False),
        managed_resources=tuple(
            ManagedResource(one.get("name", ""), one.get("ignoredByScheduler", False))
            for one in tree.get("managedResources") or ()
        ),
        ignorable=tree.get("ignorable", False),
    )


def extender_errors(extenders: Sequence[Mapping[str, Any]], path: FieldPath) -> Iterator[FieldError | str]:
    """What extenders may be: pkg/scheduler/apis/config/validation (validateExtenders)."""
    seen: set[str] = set()
    for at, extender in enumerate(extenders):
        here = path.index(at)
        if extender.get("prioritizeVerb") and extender.get("weight", 0) <= 0:
            yield invalid(here.child("weight"), extender.get("weight", 0), "must have a positive weight applied to it")
        for index, resource in enumerate(extender.get("managedResources") or ()):
            place, name = here.child("managedResources").index(index).child("name"), resource.get("name", "")
            yield from check(place, name, qualified_name(name))
            if not qualified_name(name) and not is_extended(name):
                yield invalid(place, name, "is an invalid extended resource name")
            if name in seen:
                yield invalid(place, name, "duplicate extender managed resource name")
            seen.add(name)
    if (binders := sum(bool(extender.get("bindVerb")) for extender in extenders)) > 1:
        yield invalid(path, f"found {binders} extenders implementing bind", "only one extender can implement bind")


def _tls(tree: Mapping[str, Any], directory: Path) -> TLSConfiguration:
    cert_file, key_file, ca_file = (_file(tree.get(f"{which}File", ""), directory) for which in ("cert", "key", "ca"))
    cert, key, ca = (_data(tree.get(f"{which}Data", "")) for which in ("cert", "key", "ca"))
    insecure, server_name = tree.get("insecure", False), tree.get("serverName", "")
    return TLSConfiguration(insecure, server_name, cert_file, key_file, ca_file, cert, key, ca)


def _file(name: str, directory: Path) -> str:
    return str(directory / name) if name else ""


def _data(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("illegal base64 data in tlsConfig") from None


def _seconds(text: str) -> float:
    try:
        return parse_duration(text) if text else 0.0
    except ValueError as error:
        raise Malformed(str(error)) from None
