"""The parameters with which a binding puts a policy in force: objects of any kind, by name or by labels.

Read from the cache, where built-in and custom kinds lie alike. Upstream:
k8s.io/apiserver/pkg/admission/plugin/policy/generic/policy_dispatcher.go (CollectParams).
"""

from collections.abc import Sequence

from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.apiserver.extensions.views import prepare, working
from sampan.apiserver.keys import storage_key, storage_prefix
from sampan.machinery.errors import APIError
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object, labels_of
from sampan.machinery.selectors import SelectorError, from_label_selector
from sampan.storage.cached import Cached

_MAX = 1000  # parameters of one binding that are looked at


class Misconfigured(Exception):
    """A policy or binding that cannot be applied; str() says why."""


def param_kind(versions: Versions, kind: Object | None) -> Served | None:
    """The kind of a policy's parameters. Raises Misconfigured where there is no such kind."""
    if kind is None:
        return None
    served = versions.admission.call.catalogue.by_kind.get((kind["apiVersion"], kind["kind"]))
    if served is None or not served.kind.is_stored:
        shown = f"{{{kind['apiVersion']} {kind['kind']}}}"
        raise Misconfigured(f"failed to find resource referenced by paramKind: '{shown}'")
    return served


async def collect(versions: Versions, served: Served | None, ref: Object | None) -> Sequence[Object | None]:
    """The parameters of a binding; one None where the policy is evaluated without. Raises Misconfigured."""
    if served is None or ref is None:
        return [None]
    entries = _entries(versions, served, ref)
    if not entries and ref.get("parameterNotFoundAction") == "Deny":
        raise Misconfigured("no params found for policy binding with `Deny` parameterNotFoundAction")
    return await _shown(versions, served, entries)


def _entries(versions: Versions, served: Served, ref: Object) -> list[Cached]:
    cache, kind, namespace = versions.services.cache, served.kind, _namespace(versions, served, ref)
    if name := ref.get("name"):
        entry = cache.get(storage_key(kind, namespace, name))
        return [entry] if entry else []
    try:
        selector = from_label_selector(ref.get("selector"))
    except SelectorError as error:
        raise Misconfigured(str(error)) from error
    found = [e for e in cache.list(storage_prefix(kind, namespace)).items if selector.matches(labels_of(e.object))]
    if len(found) > _MAX:
        raise Misconfigured(f"more than {_MAX} params found for policy binding")
    return found


def _namespace(versions: Versions, served: Served, ref: Object) -> str:
    given: str = ref.get("namespace") or ""
    if not served.kind.namespaced:
        if given:
            raise Misconfigured("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
        return ""
    if namespace := given or versions.admission.namespace:
        return namespace
    raise Misconfigured("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")


async def _shown(versions: Versions, served: Served, entries: Sequence[Cached]) -> Sequence[Object]:
    """In the version that the policy names."""
    try:
        if waiting := prepare(versions.services, served, entries):
            await waiting
    except APIError as error:
        raise Misconfigured(error.message) from error
    codec = versions.admission.call.catalogue.codec(served)
    return [codec.encode(working(served, entry)) for entry in entries]
