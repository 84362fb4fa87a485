"""What is wrong with the seccomp and AppArmor profiles of a pod and its containers, as fields and as annotations.

A profile of type Localhost names a file below a directory of the node's, so it may not lead out of it. Called by
security_validation.py and pod.py; the kubelet checks again what it starts (kubelet/container_config.py).

Rules: ValidateSeccompPodAnnotations, ValidateAppArmorProfileField and their like in
k8s.io/kubernetes/pkg/apis/core/validation.
"""

from sampan.kinds.checks import Errors
from sampan.kinds.core.mount_validation import descending_path
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, invalid, required, too_long

SECCOMP_OF_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_OF_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR_OF_CONTAINER = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP = ("runtime/default", "docker/default", "unconfined")
_APPARMOR = ("", "runtime/default", "unconfined")
_LOCALHOST = "localhost/"
_MAX_PATH = 4095  # bytes


def validate_profiles(context: Object, path: Path) -> Errors:
    """The profiles of one security context."""
    if (seccomp := context.get("seccompProfile")) is not None:
        yield from _seccomp(seccomp, path.child("seccompProfile"))
    if (apparmor := context.get("appArmorProfile")) is not None:
        yield from _apparmor(apparmor, path.child("appArmorProfile"))


def validate_profile_annotations(pod: Object, path: Path) -> Errors:
    """The annotations, at `path`, that said the same before there were fields; of a pod or a template."""
    for key, value in annotations_of(pod).items():
        if key == SECCOMP_OF_POD or key.startswith(SECCOMP_OF_CONTAINER):
            yield from _seccomp_annotation(value, path.child(key))
        elif key.startswith(APPARMOR_OF_CONTAINER):
            yield from _apparmor_annotation(value, path.key(key), key.removeprefix(APPARMOR_OF_CONTAINER), pod)


def _seccomp(profile: Object, path: Path) -> Errors:
    local, at = profile.get("localhostProfile"), path.child("localhostProfile")
    if profile.get("type") != "Localhost":
        if local is not None:
            yield invalid(at, local, "can only be set when seccomp type is Localhost")
    elif local is None:
        yield required(at, "must be set when seccomp type is Localhost")
    else:
        yield from descending_path(local, at)


def _apparmor(profile: Object, path: Path) -> Errors:
    local, at = profile.get("localhostProfile"), path.child("localhostProfile")
    if profile.get("type") != "Localhost":
        if local is not None:
            yield invalid(at, local, "can only be set when AppArmor type is Localhost")
    elif not local:
        yield required(at, "must be set when AppArmor type is Localhost")
    else:
        if local != local.strip():
            yield invalid(at, local, "must not be padded with whitespace")
        if len(local.encode()) > _MAX_PATH:
            yield too_long(at, _MAX_PATH)


def _seccomp_annotation(value: str, path: Path) -> Errors:
    if value.startswith(_LOCALHOST):
        yield from descending_path(value.removeprefix(_LOCALHOST), path)
    elif value not in _SECCOMP:
        yield invalid(path, value, "must be a valid seccomp profile")


def _apparmor_annotation(value: str, path: Path, name: str, pod: Object) -> Errors:
    if name not in _container_names(pod):
        yield invalid(path, name, "container not found")
    if value not in _APPARMOR and not value.startswith(_LOCALHOST):
        yield invalid(path, value, f'invalid AppArmor profile name: "{value}"')


def _container_names(pod: Object) -> set[str]:
    lists = (get_path(pod, ("spec", field), []) for field in ("initContainers", "containers", "ephemeralContainers"))
    return {container.get("name") or "" for containers in lists for container in containers}
