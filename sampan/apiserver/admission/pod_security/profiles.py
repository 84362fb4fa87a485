"""Checks of the profiles that confine containers: AppArmor, seccomp, SELinux, and the masks of /proc."""

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from sampan.apiserver.admission.pod_security.wording import (
    Finding,
    containers,
    has_own_users,
    is_windows,
    named,
    names_where,
    number,
    quoted,
    security,
    setters,
)
from sampan.machinery.meta import Object

_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_OF_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})


class _Setters(NamedTuple):
    """Who has set a profile that is not allowed, and which."""

    who: str
    types: list[str]


def app_armor(meta: Object, spec: Object) -> Finding | None:
    """No AppArmor profile but the runtime's and those of the node, in fields or in the annotations of old."""
    bad = _bad_profiles(spec, "appArmorProfile")
    annotations = _bad_annotations(meta, lambda key: key.startswith(_APP_ARMOR), ("", "runtime/default"))
    who = [bad.who] if bad.who else []
    if annotations:
        who.append(number(len(annotations), "annotation"))
    if not who:
        return None
    values = [*bad.types, *annotations]
    detail = f"{' and '.join(who)} must not set AppArmor profile type to {quoted(values)}"
    return Finding(number(len(values), "forbidden AppArmor profile"), detail)


def seccomp_annotations(meta: Object, spec: Object) -> Finding | None:
    """No seccomp profile but the runtime's and those of the node, in annotations: there were no fields before 1.19."""
    keys = {_SECCOMP, *(f"{_SECCOMP_OF_CONTAINER}{container.get('name')}" for container in containers(spec))}
    bad = _bad_annotations(meta, keys.__contains__, ("runtime/default", "docker/default"))
    if not bad:
        return None
    return Finding("seccompProfile", f"forbidden {number(len(bad), 'annotation')} {', '.join(bad)}")


def seccomp_baseline(_: Object, spec: Object) -> Finding | None:
    """No seccomp profile but the runtime's and those of the node."""
    bad = _bad_profiles(spec, "seccompProfile")
    if not bad.who:
        return None
    return Finding(
        "seccompProfile", f"{bad.who} must not set securityContext.seccompProfile.type to {quoted(bad.types)}"
    )


def seccomp_restricted(meta: Object, spec: Object) -> Finding | None:
    """Every container has a seccomp profile, its own or the pod's."""
    if bad := seccomp_baseline(meta, spec):
        return bad
    if security(spec).get("seccompProfile") is not None:
        return None
    if names := names_where(spec, lambda container: security(container).get("seccompProfile") is None):
        must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        return Finding("seccompProfile", f"pod or {named(names)} {must}")
    return None


def seccomp_restricted_on_linux(meta: Object, spec: Object) -> Finding | None:
    """As `seccomp_restricted`, but Windows has no seccomp."""
    return None if is_windows(spec) else seccomp_restricted(meta, spec)


def _bad_profiles(spec: Object, field: str) -> _Setters:
    def is_bad(holder: Object) -> bool:
        profile = security(holder).get(field)
        return profile is not None and profile.get("type") not in ("RuntimeDefault", "Localhost")

    holders = [holder for holder in (spec, *containers(spec)) if is_bad(holder)]
    who = setters(pod=is_bad(spec), names=names_where(spec, is_bad))
    return _Setters(who, sorted({security(holder)[field].get("type") or "" for holder in holders}))


def _bad_annotations(meta: Object, concerns: Callable[[str], bool], allowed: Collection[str]) -> list[str]:
    """`key="value"` for each annotation that names a profile which is not allowed."""
    return sorted(
        f'{key}="{value}"'
        for key, value in (meta.get("annotations") or {}).items()
        if concerns(key) and value not in allowed and not value.startswith("localhost/")
    )


def se_linux(_: Object, spec: Object, types: frozenset[str] = _SELINUX_TYPES) -> Finding | None:
    """Only SELinux types made for containers, and no user or role."""
    bad = [holder for holder in (spec, *containers(spec)) if any(_se_linux_faults(holder, types))]
    if not bad:
        return None
    who = setters(pod=bad[0] is spec, names=[holder.get("name") or "" for holder in bad if holder is not spec])
    faults = {fault for holder in bad for fault in _se_linux_faults(holder, types)}
    found = sorted(value for field, value in faults if field == "type")
    words = [f"{number(len(found), 'type')} {quoted(found)}"] if found else []
    words += [f"{field} may not be set" for field in ("user", "role") if any(f == field for f, _ in faults)]
    return Finding("seLinuxOptions", f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(words)}")


def se_linux_with_engines(meta: Object, spec: Object) -> Finding | None:
    """As `se_linux`, with the type of container engines in containers."""
    return se_linux(meta, spec, _SELINUX_TYPES | {"container_engine_t"})


def _se_linux_faults(holder: Object, types: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(field, value) of each SELinux option that is not allowed."""
    options = security(holder).get("seLinuxOptions") or {}
    if (own := options.get("type") or "") not in types:
        yield "type", own
    for field in ("user", "role"):
        if options.get(field):
            yield field, ""


def proc_mount(_: Object, spec: Object) -> Finding | None:
    """No /proc without its masks."""
    names = names_where(spec, lambda container: _proc_mount(container) not in (None, "Default"))
    if not names:
        return None
    found = sorted({kind for c in containers(spec) if (kind := _proc_mount(c)) not in (None, "Default")})
    return Finding("procMount", f"{named(names)} must not set securityContext.procMount to {quoted(found)}")


def proc_mount_of_node_users(meta: Object, spec: Object) -> Finding | None:
    """As `proc_mount`, but who has a user namespace may see its /proc."""
    return None if has_own_users(spec) else proc_mount(meta, spec)


def _proc_mount(container: Object) -> str | None:
    mount: str | None = security(container).get("procMount")
    return mount
