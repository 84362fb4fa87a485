"""The table of all checks with the releases from which each form of them holds, and the look-up of those that apply.

A namespace pins the policy of a release; "latest" is the newest that is known. Called by plugin.py and existing.py.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from sampan.apiserver.admission.pod_security import capabilities, host, profiles, restricted, sysctls
from sampan.apiserver.admission.pod_security.policy import BASELINE, PRIVILEGED, LevelVersion
from sampan.apiserver.admission.pod_security.wording import Finding
from sampan.machinery.meta import Object

Check = Callable[[Object, Object], Finding | None]  # of (metadata, spec)


class Since(NamedTuple):
    """The form that a check has from release 1.`minor` on."""

    minor: int
    check: Check


def _sysctls(minor: int, _: Object, spec: Object) -> Finding | None:
    return sysctls.unsafe(spec, minor)


_BASELINE: dict[str, tuple[Since, ...]] = {
    "appArmorProfile": (Since(0, profiles.app_armor),),
    "capabilities_baseline": (Since(0, capabilities.baseline),),
    "hostNamespaces": (Since(0, host.host_namespaces),),
    "hostPathVolumes": (Since(0, host.host_path_volumes),),
    "hostPorts": (Since(0, host.host_ports),),
    "hostProbesAndHostLifecycle": (Since(34, host.probe_hosts),),
    "privileged": (Since(0, host.privileged),),
    "procMount": (Since(0, profiles.proc_mount), Since(35, profiles.proc_mount_of_node_users)),
    "seLinuxOptions": (Since(0, profiles.se_linux), Since(31, profiles.se_linux_with_engines)),
    "seccompProfile_baseline": (Since(0, profiles.seccomp_annotations), Since(19, profiles.seccomp_baseline)),
    "sysctls": tuple(Since(minor, partial(_sysctls, minor)) for minor in sysctls.RELEASES),
    "windowsHostProcess": (Since(0, host.windows_host_process),),
}
_RESTRICTED: dict[str, tuple[Since, ...]] = {
    "allowPrivilegeEscalation": (
        Since(8, restricted.privilege_escalation),
        Since(25, restricted.privilege_escalation_on_linux),
    ),
    "capabilities_restricted": (Since(22, capabilities.restricted), Since(25, capabilities.restricted_on_linux)),
    "procMount_restricted": (Since(35, profiles.proc_mount),),
    "restrictedVolumes": (Since(0, restricted.volumes),),
    "runAsNonRoot": (Since(0, restricted.run_as_non_root), Since(35, restricted.run_as_non_root_of_node_users)),
    "runAsUser": (Since(23, restricted.run_as_user), Since(35, restricted.run_as_user_of_node_users)),
    "seccompProfile_restricted": (
        Since(19, profiles.seccomp_restricted),
        Since(25, profiles.seccomp_restricted_on_linux),
    ),
}
# What a restricted check that applies says more strictly, and what need not be said twice.
_OVERRIDES = {
    "capabilities_restricted": "capabilities_baseline",
    "procMount_restricted": "procMount",
    "restrictedVolumes": "hostPathVolumes",
    "seccompProfile_restricted": "seccompProfile_baseline",
}


def findings(policy: LevelVersion, meta: Object, spec: Object) -> list[Finding]:
    """Everything about a pod (or a template) that the policy forbids."""
    return [finding for check in applicable(policy) if (finding := check(meta, spec))]


def applicable(policy: LevelVersion) -> list[Check]:
    """The checks of a level in a release: those of baseline, then those of restricted, each by name."""
    if policy.level == PRIVILEGED:
        return []
    baseline = dict(_in_release(_BASELINE, policy.minor))
    if policy.level == BASELINE:
        return list(baseline.values())
    strict = dict(_in_release(_RESTRICTED, policy.minor))
    for name in strict.keys() & _OVERRIDES.keys():
        baseline.pop(_OVERRIDES[name])
    return [*baseline.values(), *strict.values()]


def _in_release(checks: dict[str, tuple[Since, ...]], minor: int | None) -> Iterator[tuple[str, Check]]:
    for name, forms in checks.items():
        holding = [form.check for form in forms if minor is None or form.minor <= minor]
        if holding:
            yield name, holding[-1]


def described(found: list[Finding]) -> str:
    """All findings with their values, as a refusal shows them."""
    return ", ".join(f"{finding.reason} ({finding.detail})" for finding in found)
