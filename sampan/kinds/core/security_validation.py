"""What is wrong with the security contexts of a pod and its containers."""

import re

from sampan.kinds.checks import Errors, in_range
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, duplicate, invalid, not_supported, required

_MAX_ID = 2**31 - 1
_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL = re.compile(r"[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*")


def validate_pod_security(spec: Object, path: Path) -> Errors:
    """The pod's own context, and what it shares with the host."""
    context, at = spec.get("securityContext") or {}, path.child("securityContext")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid(path.child("shareProcessNamespace"), True, detail)
    yield from _ids(context, at, "fsGroup", "runAsUser", "runAsGroup")
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        yield from in_range(at.child("supplementalGroups").index(index), group, 0, _MAX_ID)
    yield from _enum(context, "fsGroupChangePolicy", ("Always", "OnRootMismatch"), at)
    yield from _enum(context, "supplementalGroupsPolicy", ("Merge", "Strict"), at)
    yield from _profiles(context, at)
    yield from _sysctls(context.get("sysctls") or [], at.child("sysctls"))


def validate_container_security(context: Object, path: Path) -> Errors:
    """A container's context: ValidateSecurityContext."""
    yield from _ids(context, path, "runAsUser", "runAsGroup")
    yield from _enum(context, "procMount", ("Default", "Unmasked"), path)
    yield from _profiles(context, path)
    if context.get("allowPrivilegeEscalation") is False:
        detail = "cannot set `allowPrivilegeEscalation` to false and "
        if context.get("privileged"):
            yield invalid(path, context, detail + "`privileged` to true")
        if "SYS_ADMIN" in get_path(context, ("capabilities", "add"), []):
            yield invalid(path, context, detail + "`capabilities.Add` CAP_SYS_ADMIN")


def _ids(context: Object, path: Path, *fields: str) -> Errors:
    for field in fields:
        if (number := context.get(field)) is not None:
            yield from in_range(path.child(field), number, 0, _MAX_ID)


def _enum(context: Object, field: str, allowed: tuple[str, ...], path: Path) -> Errors:
    value = context.get(field)
    if value is not None and value not in allowed:
        yield not_supported(path.child(field), value, allowed)


def _profiles(context: Object, path: Path) -> Errors:
    for field, name in (("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor")):
        if (profile := context.get(field)) is not None:
            yield from _profile(profile, path.child(field), name)


def _profile(profile: Object, path: Path, name: str) -> Errors:
    type_, local = profile.get("type") or "", profile.get("localhostProfile")
    if not type_:
        yield required(path.child("type"), "type is required when seccompProfile is set" if name == "seccomp" else "")
    elif type_ not in _PROFILES:
        yield not_supported(path.child("type"), type_, _PROFILES)
    if type_ == "Localhost":
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
