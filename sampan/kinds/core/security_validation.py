"""What is wrong with the security contexts of a pod and its containers."""

import re

from sampan.kinds.checks import Errors
from sampan.kinds.core.profile_validation import validate_profiles
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, duplicate, invalid, required

_SYSCTL = re.compile(r"[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*")


def validate_pod_security(spec: Object, path: Path) -> Errors:
    """The pod's own context, and what it shares with the host."""
    context, at = spec.get("securityContext") or {}, path.child("securityContext")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid(path.child("shareProcessNamespace"), True, detail)
    yield from validate_profiles(context, at)
    yield from _sysctls(context.get("sysctls") or [], at.child("sysctls"))


def validate_container_security(context: Object, path: Path) -> Errors:
    """A container's context: ValidateSecurityContext."""
    yield from validate_profiles(context, path)
    if context.get("allowPrivilegeEscalation") is False:
        detail = "cannot set `allowPrivilegeEscalation` to false and "
        if context.get("privileged"):
            yield invalid(path, context, detail + "`privileged` to true")
        if "SYS_ADMIN" in get_path(context, ("capabilities", "add"), []):
            yield invalid(path, context, detail + "`capabilities.Add` CAP_SYS_ADMIN")


def _sysctls(sysctls: list[Object], path: Path) -> Errors:
    seen = set()
    for index, sysctl in enumerate(sysctls):
        name, at = sysctl.get("name") or "", path.index(index).child("name")
        if not name:
            yield required(at)
        elif len(name) > 253 or not _SYSCTL.fullmatch(name):
            detail = f"must have at most 253 characters and match regex ^{_SYSCTL.pattern}$"
            yield invalid(at, name, detail)
        elif name in seen:
            yield duplicate(at, name)
        seen.add(name)
