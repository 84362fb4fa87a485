"""The versions of the group's kinds: v1 and v1beta2 have the same fields, v1beta1 and v1alpha3 had others.

v1beta1.py has what differs.
"""

from sampan.kinds.resource.names import DOMAIN, GROUP
from sampan.machinery.kind import Conversion, ServedVersion

_OLD = "io.k8s.api.resource.v1beta1."


def same_versions(name: str) -> tuple[ServedVersion, ...]:
    """Of a kind that never changed."""
    return _newest(name), *_betas(name, DOMAIN + name, None), _alpha(name, DOMAIN + name, None)


def converted_versions(
    name: str, convert: Conversion, alpha: str = "", from_alpha: Conversion | None = None
) -> tuple[ServedVersion, ...]:
    """Of a kind that had other fields before v1beta2; `alpha` is the type of v1alpha3 if that was another one."""
    old = _OLD + name
    return _newest(name), *_betas(name, old, convert), _alpha(name, alpha or old, from_alpha or convert)


def _newest(name: str) -> ServedVersion:
    return ServedVersion(GROUP, "v1", DOMAIN + name)


def _betas(name: str, first: str, convert: Conversion | None) -> tuple[ServedVersion, ServedVersion]:
    """The releases in which upstream's newer betas go; it names no replacement for them."""
    return (
        ServedVersion(GROUP, "v1beta2", DOMAIN + name, deprecated="1.36", removed="1.39"),
        ServedVersion(GROUP, "v1beta1", first, convert=convert, deprecated="1.35", removed="1.38"),
    )


def _alpha(name: str, definition: str, convert: Conversion | None) -> ServedVersion:
    replacement = f"{GROUP}/v1 {name}"
    return ServedVersion(
        GROUP, "v1alpha3", definition, convert=convert, deprecated="1.34", removed="1.37", replacement=replacement
    )
