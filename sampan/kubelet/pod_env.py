"""A container's environment: envFrom, env with references and `$(VAR)`, Service variables. Pure.

The ConfigMaps and Secrets it refers to are fetched before by worker code and handed in; `wanted` says which.
Docs: "Define Environment Variables for a Container"; the order of precedence is upstream's.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sampan.kubelet.downward import FieldUnavailable, field_value, resource_value
from sampan.kubelet.expansion import expand
from sampan.machinery.meta import Object


class Source(NamedTuple):
    """A ConfigMap or Secret in the pod's namespace."""

    kind: str  # "configmap" or "secret"
    name: str


class ConfigError(Exception):
    """The container can't be configured (status reason CreateContainerConfigError); str() is upstream's message."""


@dataclass(frozen=True, slots=True)
class EnvContext:
    """What variables are made of."""

    pod: Object
    sources: Mapping[Source, Object | None]  # None: there is none
    services: Mapping[str, str] = field(default_factory=dict)  # from service_env.variables
    allocatable: Mapping[str, str] = field(default_factory=dict)  # of the node


_SOURCE_FIELDS = (("configMapRef", "configmap"), ("secretRef", "secret"))
_KEY_FIELDS = (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret"))


def wanted(container: Object) -> set[Source]:
    """The ConfigMaps and Secrets that a container's environment refers to."""
    found = {
        Source(kind, entry[name]["name"])
        for entry in container.get("envFrom") or ()
        for name, kind in _SOURCE_FIELDS
        if name in entry
    }
    values = [entry.get("valueFrom") or {} for entry in container.get("env") or ()]
    return found | {Source(kind, v[name]["name"]) for v in values for name, kind in _KEY_FIELDS if name in v}


def environment(container: Object, context: EnvContext) -> dict[str, str]:
    """All variables of a container; raises ConfigError."""
    found: dict[str, str] = {}
    for entry in container.get("envFrom") or ():
        found |= _all_of(entry, context)
    for entry in container.get("env") or ():
        value = _value(entry, container, context, found)
        if value is not None:
            found[entry["name"]] = value
    return {**context.services, **found}


def data_of(source: Object) -> dict[str, bytes]:
    """The keys of a ConfigMap or Secret as bytes."""
    if source["kind"] == "Secret":
        return {key: base64.b64decode(value or "") for key, value in (source.get("data") or {}).items()}
    text = {key: value.encode() for key, value in (source.get("data") or {}).items()}
    return text | {key: base64.b64decode(value) for key, value in (source.get("binaryData") or {}).items()}


def _all_of(entry: Object, context: EnvContext) -> dict[str, str]:
    prefix = entry.get("prefix") or ""
    found: dict[str, str] = {}
    for field_name, kind in _SOURCE_FIELDS:
        if reference := entry.get(field_name):
            for key, value in _data(kind, reference, context).items():
                found[prefix + key] = value
    return found


def _data(kind: str, reference: Object, context: EnvContext) -> dict[str, str]:
    source = context.sources.get(Source(kind, reference["name"]))
    if source is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{kind} "{reference["name"]}" not found')
    if kind == "configmap":  # binaryData is for volumes only
        return dict(source.get("data") or {})
    return {key: value.decode(errors="surrogateescape") for key, value in data_of(source).items()}


def _value(entry: Object, container: Object, context: EnvContext, so_far: Mapping[str, str]) -> str | None:
    """The value of one variable; None where an optional reference finds nothing."""
    reference = entry.get("valueFrom")
    if not reference:
        return expand(entry.get("value") or "", so_far, context.services)
    try:
        if "fieldRef" in reference:
            return field_value(context.pod, reference["fieldRef"]["fieldPath"])
        if "resourceFieldRef" in reference:
            return resource_value(context.pod, reference["resourceFieldRef"], container["name"], context.allocatable)
    except FieldUnavailable as error:
        raise ConfigError(str(error)) from error
    return next(_keyed(reference, context), None)


def _keyed(reference: Object, context: EnvContext) -> Iterator[str]:
    for field_name, kind in _KEY_FIELDS:
        selector = reference.get(field_name)
        if selector is None:
            continue
        data = _data(kind, selector, context)
        if selector["key"] in data:
            yield data[selector["key"]]
        elif not selector.get("optional"):
            place = f"{context.pod['metadata']['namespace']}/{selector['name']}"
            shown = "ConfigMap" if kind == "configmap" else "Secret"
            raise ConfigError(f"couldn't find key {selector['key']} in {shown} {place}")
