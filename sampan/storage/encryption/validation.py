"""What an EncryptionConfiguration may say. Pure; called by providers.py.

Rules and texts: k8s.io/apiserver/pkg/apis/apiserver/validation/validation_encryption.go.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from itertools import permutations
from urllib.parse import urlsplit

from sampan.machinery.durations import parse_duration
from sampan.machinery.errors import FIELD_INVALID, FIELD_REQUIRED, OMITTED, FieldError
from sampan.storage.encryption.config_file import KMS, Configuration, Key, Provider
from sampan.storage.encryption.transformers import ANY, GroupResource

_SIZES = {"aesgcm": (16, 24, 32), "aescbc": (16, 24, 32), "secretbox": (32,)}
_WITHOUT_API = frozenset({"apiserveripinfo", "serviceipallocations", "servicenodeportallocations"})
_EVENTS = (
    "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
)
_STAR = "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
_OVERLAP = (
    "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be "
    "masked"
)
_NONE_KNOWN = "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"
_MANY = "more than one provider specified in a single element, should split into different list elements"


def errors(configuration: Configuration, *, reload: bool) -> Iterator[FieldError]:
    """All that is wrong. `reload`: whether the file will be followed, which asks for more."""
    if not configuration:
        yield _needed("resources", "at least one resources is required")
    names: set[str] = set()
    for at, (resources, providers) in enumerate(configuration):
        place, theirs = f"resources[{at}].resources", f"resources[{at}].providers"
        if not resources:
            yield _needed(place, f"at least one {place} is required")
        yield from _overlaps(resources, place)
        for number, resource in enumerate(resources):
            yield from _resource(resource, f"{place}[{number}]")
        if not providers:
            yield _needed(theirs, f"at least one {theirs} is required")
        for number, provider in enumerate(providers):
            yield from _provider(provider, f"{theirs}[{number}]", names, reload)


def _overlaps(resources: Sequence[str], path: str) -> Iterator[FieldError]:
    pairs = list(permutations(map(GroupResource.parse, resources), 2))
    if any(one == other for one, other in pairs):
        yield _bad(path, list(resources), "the same resource cannot be specified multiple times")
    if any(one != other and _masks(one, other) for one, other in pairs):
        yield _bad(path, list(resources), _OVERLAP)


def _masks(one: GroupResource, other: GroupResource) -> bool:
    return one == ANY or (one.group == other.group and "*" in (one.resource, other.resource))


def _resource(text: str, path: str) -> Iterator[FieldError]:
    group, resource = GroupResource.parse(text)
    if text.lower() != text:
        yield _bad(path, text, "resource name should not contain capital letters")
    elif text == "*":
        yield _bad(path, text, _STAR)
    elif text in _WITHOUT_API:
        yield _bad(path, text, "resources which do not have REST API/s cannot be encrypted")
    elif group == "events.k8s.io":
        yield _bad(path, text, _EVENTS)
    elif group == "extensions":
        yield _bad(path, text, "'extensions' group has been removed and cannot be used for encryption")
    elif group == "*" and resource != "*":
        yield _bad(path, text, "encrypting the same resource across groups is not supported")


def _provider(provider: Provider, path: str, names: set[str], reload: bool) -> Iterator[FieldError]:
    if not provider.name:
        yield _bad(path, OMITTED, _MANY if provider.fields else _NONE_KNOWN)
    if provider.kms is not None:
        yield from _kms(provider.kms, f"{path}.kms", names, reload)
        names.add(provider.kms.name)
    elif found := next((name for name in _SIZES if name in provider.fields), ""):
        yield from _keys(provider.keys, f"{path}.{found}.keys", _SIZES[found])


def _keys(keys: Sequence[Key], path: str, sizes: Sequence[int]) -> Iterator[FieldError]:
    if not keys:
        yield _needed(path, "at least one keys is required")
    for at, key in enumerate(keys):
        if not key.name:
            yield _needed(f"{path}[{at}].name", "name is a mandatory field for a key")
        if not key.secret:
            yield _needed(f"{path}[{at}].secret", "secret is a mandatory field for a key")
        elif wrong := _secret(key.secret, sizes):
            yield _bad(f"{path}[{at}].secret", "REDACTED", wrong)


def _secret(secret: str, sizes: Sequence[int]) -> str:
    try:
        size = len(base64.b64decode(secret.replace("\n", "").replace("\r", ""), validate=True))
    except (binascii.Error, ValueError):
        return "secrets must be base64 encoded"
    listed = " ".join(map(str, sizes))
    return "" if size in sizes else f"secret is not of the expected length, got {size}, expected one of [{listed}]"


def _kms(kms: KMS, path: str, names: set[str], reload: bool) -> Iterator[FieldError]:
    if not kms.name:
        yield _needed(f"{path}.name", "name is a mandatory field for a provider")
    if kms.api_version != "v1" and ":" in kms.name:
        yield _bad(f"{path}.name", kms.name, f"invalid KMS provider name {kms.name}, must not contain ':'")
    if (reload or kms.api_version != "v1") and kms.name in names:
        yield _bad(f"{path}.name", kms.name, f"duplicate KMS provider name {kms.name}, names must be unique")
    if wrong := _timeout(kms.timeout):
        yield _bad(f"{path}.timeout", kms.timeout, wrong)
    yield from _endpoint(kms.endpoint, f"{path}.endpoint")
    if kms.api_version != "v1" and kms.cache_size is not None:
        yield _bad(f"{path}.cachesize", kms.cache_size, "cachesize is not supported in v2")
    if kms.api_version == "v1" and kms.cache_size == 0:
        yield _bad(f"{path}.cachesize", 0, "cachesize should be a positive value, or negative to disable")
    if kms.api_version not in ("v1", "v2"):
        why = "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported"
        yield _bad(f"{path}.apiVersion", kms.api_version, why)


def _timeout(text: str) -> str:
    try:
        return "" if parse_duration(text) > 0 else "timeout should be a positive value"
    except ValueError as error:
        return str(error)


def _endpoint(endpoint: str, path: str) -> Iterator[FieldError]:
    if not endpoint:
        yield _bad(path, "", "endpoint is a mandatory field for a kms")
        return
    try:
        scheme = urlsplit(endpoint).scheme
    except ValueError as error:
        yield _bad(path, endpoint, f"invalid endpoint for kms provider, error: {error}")
        return
    if scheme != "unix":
        yield _bad(path, endpoint, f'unsupported scheme "{scheme}" for KMS provider, only unix is supported')


def _needed(path: str, detail: str) -> FieldError:
    return FieldError(FIELD_REQUIRED, path, detail)


def _bad(path: str, value: object, detail: str) -> FieldError:
    return FieldError(FIELD_INVALID, path, detail, value)
