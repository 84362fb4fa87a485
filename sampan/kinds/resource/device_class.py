"""DeviceClass: a kind of device, told by selectors, with what its drivers are configured by.

Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation.
"""

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME
from sampan.kinds.core.resource_validation import is_extended
from sampan.kinds.resource.configuration import validate_configuration
from sampan.kinds.resource.names import DOMAIN
from sampan.kinds.resource.requests import MOST_CONFIGS, bounded
from sampan.kinds.resource.selectors import MOST, validate_selectors
from sampan.kinds.resource.versions import same_versions
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.names import qualified_name
from sampan.machinery.rules import FieldRules, Format, MaxItems
from sampan.machinery.tree import semantic_equal
from sampan.machinery.validation import Path

_RULES: FieldRules = {
    DOMAIN + "DeviceClassSpec": {
        "selectors": MaxItems(MOST),
        "config": MaxItems(MOST_CONFIGS),
        "extendedResourceName": Format(lambda name: _not_extended(name)),
    }
}


def _not_extended(name: str) -> list[str]:
    """What is wrong with the name by which a pod asks for a device of the class as for any other resource."""
    if is_extended(name):
        return []
    if "/" not in name:
        found = ["a name must be a domain-prefixed path, such as 'example.com/my-prop'"]
    else:
        found = ['must not have "kubernetes.io/" domain'] if "kubernetes.io/" in name else []
    if name.startswith("requests."):
        found.append('must not have "requests." prefix')
    return found + qualified_name(f"requests.{name}")


def _validate(device_class: Object, old: Object | None = None) -> Errors:
    """Selectors and configurations that were let in once stay good."""
    spec, before = device_class["spec"], old["spec"] if old else {}
    selectors, configs = spec.get("selectors"), spec.get("config")
    if old is None or not semantic_equal(selectors, before.get("selectors")):
        yield from validate_selectors(bounded(selectors, MOST), SPEC.child("selectors"))
    stored = old is not None and semantic_equal(configs, before.get("config"))
    for index, config in enumerate(bounded(configs, MOST_CONFIGS)):
        yield from validate_configuration(config, Path("spec.config").index(index), stored)


KIND = Kind(
    name="DeviceClass",
    plural="deviceclasses",
    versions=same_versions("DeviceClass"),
    namespaced=False,
    columns=(NAME, AGE),
    rules=_RULES,
    validate_create=_validate,
    validate_update=_validate,
    slow_validation=True,
    has_status=False,
    returns_deleted=True,
)
