"""What is wrong with the security contexts of a pod and its containers."""

import re

from sampan.kinds.checks import Errors
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
    yield from _profiles(context, at)
    yield from _sysctls(context.get("sysctls") or [], at.child("sysctls"))


def validate_container_security(context: Object, path: Path) -> Errors:
    """A container's context: ValidateSecurityContext."""
    yield from _profiles(context, path)
    if context.get("allowPrivilegeEscalation") is False:
        detail = "cannot set `allowPrivilegeEscalation` to false and "
        if context.get("privileged"):
            yield invalid(path, context, detail + "`privileged` to true")
        if "SYS_ADMIN" in get_path(context, ("capabilities", "add"), []):
            yield invalid(path, context, detail + "`capabilities.Add` CAP_SYS_ADMIN")


def _profiles(context: Object, path: Path) -> Errors:
    for field, name in (("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor")):
        if (profile := context.get(field)) is not None:
            yield from _profile(profile, path.child(field), name)


def _profile(profile: Object, path: Path, name: str) -> Errors:
    local = profile.get("localhostProfile")
    if profile.get("type") == "Localhost":
        if not local:
            yield required(path.child("localhostProfile"), f"must be set when {name} type is Localhost")
    elif local is not None:
        yield invalid(path.child("localhostProfile"), local, f"can only be set when {name} type is Localhost")


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
