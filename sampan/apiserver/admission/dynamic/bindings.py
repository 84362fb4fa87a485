"""The variables of expressions for one request: object, oldObject, request, params, namespaceObject, authorizer.

Upstream: k8s.io/apiserver/pkg/admission/plugin/cel (condition.go, activation.go).
"""

from typing import Any

from sampan.apiserver.admission.dynamic.authorizer import authorizer_variables
from sampan.apiserver.admission.dynamic.request import request_tree
from sampan.apiserver.admission.dynamic.rules import Place
from sampan.apiserver.admission.dynamic.versions import Versions
from sampan.machinery.meta import Object


async def variables(versions: Versions, place: Place, *, namespace: Object | None = None) -> dict[str, Any]:
    """All but the parameters of a policy."""
    obj, old = await versions.pair(place)
    found = {"object": obj, "oldObject": old, "request": request_tree(versions, place), "namespaceObject": namespace}
    return {**found, "params": None, **authorizer_variables(versions.services, versions.admission)}
