"""DefaultIngressClass: an Ingress without a class gets the default one.

Rule: docs, Ingress, "Default IngressClass".
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.services import Services
from sampan.kinds.default_class import default_class
from sampan.kinds.networking.ingress_class import KIND as INGRESS_CLASS
from sampan.machinery.meta import annotations_of

_OLD_WAY = "kubernetes.io/ingress.class"
_MARKS = ("ingressclass.kubernetes.io/is-default-class",)


def mutate(services: Services, admission: Admission) -> None:
    """Set ingressClassName; the annotation of old is a class, too."""
    ingress = admission.new
    spec = ingress.setdefault("spec", {})
    if spec.get("ingressClassName") is not None or _OLD_WAY in annotations_of(ingress):
        return
    if name := default_class(services.all(INGRESS_CLASS), _MARKS):
        spec["ingressClassName"] = name
