"""PodTemplate: a pod template by itself, for controllers that take theirs from elsewhere."""

from datetime import datetime

from sampan.kinds.columns import NAME, joined, labels_text
from sampan.kinds.core.pod_warnings import Warnings, template_warnings
from sampan.kinds.core.podspec_defaults import POD_SPEC_FUNCTIONS
from sampan.kinds.core.podspec_rules import POD_SPEC_RULES
from sampan.kinds.core.podspec_validation import validate_template
from sampan.kinds.workloads import TEMPLATE_DEFAULTS
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path

_TEMPLATE = Path("template")


def _warnings(obj: Object) -> Warnings:
    return template_warnings(obj.get("template") or {}, _TEMPLATE)


def _containers(field: str) -> Column:
    def cell(obj: Object, now: datetime) -> str:
        containers = get_path(obj, ("template", "spec", "containers"), [])
        return joined(container.get(field) or "" for container in containers)

    title = "Containers" if field == "name" else "Images"
    return Column(title, cell, description=f"{title} of the template.")


def _labels(obj: Object, now: datetime) -> str:
    return labels_text(get_path(obj, ("template", "metadata", "labels")))


KIND = Kind(
    name="PodTemplate",
    plural="podtemplates",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.PodTemplate"),),
    columns=(
        NAME,
        _containers("name"),
        _containers("image"),
        Column("Pod Labels", _labels, description="Labels that pods of the template have."),
    ),
    validate=lambda obj: validate_template(obj.get("template") or {}, _TEMPLATE),
    warnings=_warnings,
    has_status=False,
    defaults=TEMPLATE_DEFAULTS,
    default_functions=POD_SPEC_FUNCTIONS,
    rules=POD_SPEC_RULES,
    returns_deleted=True,
)
