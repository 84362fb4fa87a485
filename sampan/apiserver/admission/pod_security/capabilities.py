"""Checks of Linux capabilities: baseline allows the usual ones, restricted all but none."""

from collections.abc import Collection, Iterator

from sampan.apiserver.admission.pod_security.wording import (
    Finding,
    containers,
    is_windows,
    named,
    names_where,
    quoted,
    security,
)
from sampan.machinery.meta import Object

_USUAL = frozenset(
    {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"}
    | {"SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
)
_BIND = frozenset({"NET_BIND_SERVICE"})


def baseline(_: Object, spec: Object) -> Finding | None:
    """Only capabilities of the usual set are added."""
    added = _added_beyond(spec, _USUAL)
    return Finding("non-default capabilities", added) if added else None


def restricted(_: Object, spec: Object) -> Finding | None:
    """All capabilities are dropped, and only that for low ports is added again."""
    details = []
    if names := names_where(spec, lambda container: "ALL" not in _listed(container, "drop")):
        details.append(f'{named(names)} must set securityContext.capabilities.drop=["ALL"]')
    if added := _added_beyond(spec, _BIND):
        details.append(added)
    return Finding("unrestricted capabilities", "; ".join(details)) if details else None


def restricted_on_linux(meta: Object, spec: Object) -> Finding | None:
    """As `restricted`, but Windows has no capabilities."""
    return None if is_windows(spec) else restricted(meta, spec)


def _listed(container: Object, field: str) -> Collection[str]:
    return (security(container).get("capabilities") or {}).get(field) or ()


def _added_beyond(spec: Object, allowed: Collection[str]) -> str:
    """Who adds other capabilities, and which; empty where nobody does."""

    def extra(container: Object) -> Iterator[str]:
        return (name for name in _listed(container, "add") if name not in allowed)

    names = names_where(spec, lambda container: any(True for _ in extra(container)))
    found = sorted({name for container in containers(spec) for name in extra(container)})
    return f"{named(names)} must not include {quoted(found)} in securityContext.capabilities.add" if names else ""
