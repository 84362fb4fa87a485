"""Every check of PodSecurity, in each release in which its form changed."""

from typing import Any

import pytest

from sampan.apiserver.admission.pod_security.checks import applicable, described, findings
from sampan.apiserver.admission.pod_security.policy import LevelVersion
from sampan.machinery.meta import Object

STRICT = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def a_pod(*, pod: Any = None, security: Any = None, annotations: Any = None, **fields: Any) -> Object:
    """A pod that restricted allows, but for what is said; other fields are the container's."""
    container = {"name": "c", "image": "i", "securityContext": {**STRICT, **(security or {})}, **fields}
    return {
        "metadata": {"name": "p", "annotations": annotations or {}},
        "spec": {"containers": [container], **(pod or {})},
    }


def found(level: str, minor: int | None, pod: Object) -> str:
    return described(findings(LevelVersion(level, minor), pod["metadata"], pod["spec"]))


SYSCTLS = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_notsent_lowat", 37),
]

# (pod, text, the releases in which baseline forbids it: first and last; None is open)
BASELINE: list[tuple[Object, str, int, int | None]] = [
    (
        a_pod(pod={"hostNetwork": True, "hostPID": True, "hostIPC": True}),
        "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
        0,
        None,
    ),
    (
        a_pod(ports=[{"hostPort": 80}, {"hostPort": 443}, {"containerPort": 8}]),
        'hostPort (container "c" uses hostPorts 443, 80)',
        0,
        None,
    ),
    (
        a_pod(livenessProbe={"httpGet": {"host": "a"}}, lifecycle={"preStop": {"tcpSocket": {"host": "b"}}}),
        'probe or lifecycle host (container "c" uses probe or lifecycle hosts "a", "b")',
        34,
        None,
    ),
    (
        a_pod(security={"privileged": True}),
        'privileged (container "c" must not set securityContext.privileged=true)',
        0,
        None,
    ),
    (
        a_pod(security={"procMount": "Unmasked"}),
        'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
        0,
        None,
    ),
    (
        a_pod(pod={"hostUsers": False}, security={"procMount": "Unmasked"}),
        'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
        0,
        34,
    ),
    (
        a_pod(pod={"securityContext": {"seLinuxOptions": {"type": "a", "user": "u", "role": "r"}}}),
        'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "a"; user may not be set; '
        "role may not be set)",
        0,
        None,
    ),
    (
        a_pod(security={"seLinuxOptions": {"type": "container_engine_t"}}),
        'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "container_engine_t")',
        0,
        30,
    ),
    (
        a_pod(
            pod={"securityContext": {"windowsOptions": {"hostProcess": True}}},
            security={"windowsOptions": {"hostProcess": True}},
        ),
        'hostProcess (pod and container "c" must not set securityContext.windowsOptions.hostProcess=true)',
        0,
        None,
    ),
    (
        a_pod(pod={"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
        'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
        0,
        None,
    ),
    (
        a_pod(
            security={"appArmorProfile": {"type": "Unconfined"}},
            annotations={"container.apparmor.security.beta.kubernetes.io/c": "unconfined"},
        ),
        'forbidden AppArmor profiles (container "c" and annotation must not set AppArmor profile type to '
        '"Unconfined", "container.apparmor.security.beta.kubernetes.io/c="unconfined"")',
        0,
        None,
    ),
    (
        a_pod(annotations={"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}),
        'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
        0,
        18,
    ),
    (
        a_pod(annotations={"container.seccomp.security.alpha.kubernetes.io/c": "x"}),
        'seccompProfile (forbidden annotation container.seccomp.security.alpha.kubernetes.io/c="x")',
        0,
        18,
    ),
    *(
        (a_pod(pod={"securityContext": {"sysctls": [{"name": name}]}}), f"forbidden sysctls ({name})", 0, since - 1)
        for name, since in SYSCTLS
        if since
    ),
]
# The same for what only restricted forbids, or says in other words.
RESTRICTED: list[tuple[Object, str, int, int | None]] = [
    (
        a_pod(security={"allowPrivilegeEscalation": None}),
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
        8,
        None,
    ),
    (
        a_pod(pod={"os": {"name": "windows"}}, security={"allowPrivilegeEscalation": None}),
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
        8,
        24,
    ),
    (
        a_pod(security={"capabilities": {"add": ["NET_BIND_SERVICE", "CHOWN"]}}),
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; '
        'container "c" must not include "CHOWN" in securityContext.capabilities.add)',
        22,
        None,
    ),
    (
        a_pod(pod={"os": {"name": "windows"}}, security={"capabilities": None}),
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"])',
        22,
        24,
    ),
    (
        a_pod(pod={"hostUsers": False}, security={"procMount": "Unmasked"}),
        'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
        0,
        None,
    ),
    (
        a_pod(pod={"volumes": [{"name": "a", "nfs": {}}, {"name": "b", "hostPath": {}}, {"name": "s", "secret": {}}]}),
        'restricted volume types (volumes "a", "b" use restricted volume types "hostPath", "nfs")',
        0,
        None,
    ),
    (
        a_pod(security={"runAsNonRoot": None}),
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
        0,
        None,
    ),
    (
        a_pod(pod={"securityContext": {"runAsNonRoot": False}}, security={"runAsNonRoot": False}),
        'runAsNonRoot != true (pod and container "c" must not set securityContext.runAsNonRoot=false)',
        0,
        None,
    ),
    (
        a_pod(pod={"hostUsers": False}, security={"runAsNonRoot": None}),
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
        0,
        34,
    ),
    (
        a_pod(pod={"securityContext": {"runAsUser": 0}}, security={"runAsUser": 0}),
        'runAsUser=0 (pod and container "c" must not set runAsUser=0)',
        23,
        None,
    ),
    (
        a_pod(pod={"hostUsers": False}, security={"runAsUser": 0}),
        'runAsUser=0 (container "c" must not set runAsUser=0)',
        23,
        34,
    ),
    (
        a_pod(security={"seccompProfile": None}),
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
        '"Localhost")',
        19,
        None,
    ),
    (
        a_pod(pod={"os": {"name": "windows"}}, security={"seccompProfile": None}),
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
        '"Localhost")',
        19,
        24,
    ),
    (
        a_pod(pod={"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
        'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
        19,
        None,
    ),
]


@pytest.mark.parametrize(("pod", "text", "first", "last"), BASELINE)
def test_what_baseline_forbids(pod: Object, text: str, first: int, last: int | None) -> None:
    for level in ("baseline", "restricted"):
        own = text if level == "baseline" or "hostUsers" not in pod["spec"] else None
        if own is not None:
            check_releases(level, pod, own, first, last)
    assert found("privileged", None, pod) == ""


@pytest.mark.parametrize(("pod", "text", "first", "last"), RESTRICTED)
def test_what_restricted_forbids(pod: Object, text: str, first: int, last: int | None) -> None:
    check_releases("restricted", pod, text, first, last)


def check_releases(level: str, pod: Object, text: str, first: int, last: int | None) -> None:
    """Forbidden with these words from the first to the last release, and not outside."""
    for minor in range(38):
        expected = text if first <= minor <= (37 if last is None else last) else ""
        assert found(level, minor, pod) == expected, (level, minor)
    for newest in (None, 38, 10**12):
        assert found(level, newest, pod) == ("" if last is not None else text)


@pytest.mark.parametrize("field", ["initContainers", "containers", "ephemeralContainers"])
def test_all_containers_are_looked_at(field: str) -> None:
    bad = {"name": "bad", "securityContext": {"privileged": True}}
    pod: Object = {"metadata": {}, "spec": {"containers": [{"name": "c"}]}}
    pod["spec"][field] = [*pod["spec"].get(field, ()), bad]
    assert found("baseline", None, pod) == ('privileged (container "bad" must not set securityContext.privileged=true)')


def test_an_ordinary_pod_lacks_four_things_of_restricted() -> None:
    pod: Object = {"metadata": {}, "spec": {"containers": [{"name": "a"}, {"name": "b"}]}}
    assert found("baseline", None, pod) == ""
    assert found("restricted", None, pod) == (
        'allowPrivilegeEscalation != false (containers "a", "b" must set '
        "securityContext.allowPrivilegeEscalation=false), "
        'unrestricted capabilities (containers "a", "b" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or containers "a", "b" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or containers "a", "b" must set securityContext.seccompProfile.type to "RuntimeDefault" '
        'or "Localhost")'
    )


def test_capabilities_beyond_the_usual_are_forbidden_by_baseline() -> None:
    pod = a_pod(security={"capabilities": {"add": ["SYS_ADMIN", "CHOWN", "NET_RAW"]}})
    text = 'container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add'
    assert found("baseline", None, pod) == f"non-default capabilities ({text})"


def test_how_many_checks_each_release_has() -> None:
    def count(level: str, minor: int | None) -> int:
        return len(applicable(LevelVersion(level, minor)))

    assert [count("baseline", minor) for minor in (0, 33, 34, None)] == [11, 11, 12, 12]
    assert [count("restricted", minor) for minor in (0, 8, 19, 22, 23, 34, 35)] == [12, 13, 13, 13, 14, 15, 15]


@pytest.mark.parametrize(("name", "since"), SYSCTLS)
def test_sysctls_stay_allowed(name: str, since: int) -> None:
    pod = a_pod(pod={"securityContext": {"sysctls": [{"name": name}]}})
    assert [found("baseline", minor, pod) for minor in range(since, 38)] == [""] * (38 - since)
