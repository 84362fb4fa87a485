"""namespaceSelector and objectSelector: whether a webhook or policy concerns objects with these labels.

Upstream: k8s.io/apiserver/pkg/admission/plugin/webhook/predicates (namespace, object).
"""

from collections.abc import Mapping
from typing import NamedTuple

from sampan.apiserver.admission.attributes import CREATE, UPDATE, Admission
from sampan.apiserver.services import Services
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Object
from sampan.machinery.selectors import Selector, from_label_selector


class Selectors(NamedTuple):
    """The two, parsed."""

    namespaces: Selector
    objects: Selector


def selectors_of(tree: Object) -> Selectors:
    """Those of a webhook or of MatchResources, where both are defaulted to everything."""
    return Selectors(*(from_label_selector(tree.get(name) or {}) for name in ("namespaceSelector", "objectSelector")))


def selected(services: Services, admission: Admission, selectors: Selectors) -> bool:
    """Whether the objects and their namespace have the labels. Raises NotFound for a namespace that is not there."""
    return _object_selected(admission, selectors.objects) and _namespace_selected(
        services, admission, selectors.namespaces
    )


def namespace_of(services: Services, admission: Admission) -> Object | None:
    """The Namespace in which the object lies; None for what lies in none. Raises NotFound."""
    return None if _is_namespace(admission) or not admission.namespace else _existing(services, admission.namespace)


def _object_selected(admission: Admission, selector: Selector) -> bool:
    """One of the two states is enough."""
    return selector.is_everything or any(
        selector.matches(_labels(obj))
        for obj in (admission.obj, admission.old)
        if obj is not None and "metadata" in obj
    )


def _namespace_selected(services: Services, admission: Admission, selector: Selector) -> bool:
    if selector.is_everything or not (admission.namespace or _is_namespace(admission)):
        return True
    if _is_namespace(admission) and not admission.subresource and admission.operation in (CREATE, UPDATE):
        return selector.matches(_labels(admission.new))  # as it is about to be
    return selector.matches(_labels(_existing(services, admission.namespace)))


def _is_namespace(admission: Admission) -> bool:
    return admission.kind.name == NAMESPACE.name and not admission.kind.group


def _existing(services: Services, name: str) -> Object:
    found = services.find(NAMESPACE, "", name)
    if found is None:
        raise NotFound.of(NAMESPACE.plural, NAMESPACE.group, name)
    return found


def _labels(obj: Object) -> Mapping[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}
