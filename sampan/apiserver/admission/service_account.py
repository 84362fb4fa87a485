"""ServiceAccount: every pod runs as one, and is given its token, the cluster's CA and its namespace as files.

Rules: k8s.io/kubernetes/plugin/pkg/admission/serviceaccount; the projected volume is that of KEP-1205.
"""

from typing import Any

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.metadata import random_suffix
from sampan.apiserver.services import Services
from sampan.kinds.core.pod_references import MIRROR_POD, references
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.meta import Object

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_NOT_OF_MIRRORS = {"serviceaccounts": "service accounts", "secrets": "secrets"}
_VOLUME_PREFIX = "kube-api-access-"
_TOKEN_SECONDS = 3607  # an hour, and a mark by which upstream tells these tokens from others


def mutate(services: Services, admission: Admission) -> None:
    """Set serviceAccountName and add the volume; raises Forbidden where the account does not exist."""
    pod = admission.new
    spec = pod["spec"]
    if MIRROR_POD in (pod["metadata"].get("annotations") or {}):
        _check_mirror(admission, pod)
        return
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    namespace = admission.namespace
    account = services.find(SERVICE_ACCOUNT, namespace, name)
    if account is None:
        raise forbidden(
            admission, f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        )
    if _wants_token(spec, account):
        _mount(spec)
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(ref) for ref in account["imagePullSecrets"]]


def _check_mirror(admission: Admission, pod: Object) -> None:
    """What a node made of a file may not have an account's rights, or Secrets."""
    for reference in references(pod):
        if word := _NOT_OF_MIRRORS.get(reference.resource):
            raise forbidden(admission, f"a mirror pod may not reference {word}")
    for volume in pod["spec"].get("volumes") or ():
        if any(source.get("serviceAccountToken") for source in (volume.get("projected") or {}).get("sources") or ()):
            raise forbidden(admission, "a mirror pod may not use ServiceAccountToken volume projections")


def _wants_token(spec: Object, account: Object) -> bool:
    """The pod decides, then the account; the default is yes."""
    for holder in (spec, account):
        wanted = holder.get("automountServiceAccountToken")
        if wanted is not None:
            return bool(wanted)
    return True


def _mount(spec: Object) -> None:
    """Mount the volume into every container that has nothing at its path."""
    volumes = spec.get("volumes") or []
    own = next((v["name"] for v in volumes if v.get("name", "").startswith(_VOLUME_PREFIX)), None)
    name = own or _VOLUME_PREFIX + random_suffix()
    mounted = False
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        mounts = container.get("volumeMounts") or []
        if all(mount.get("mountPath") != MOUNT_PATH for mount in mounts):
            mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
            container["volumeMounts"] = [*mounts, mount]
            mounted = True
    if mounted and own is None:
        spec["volumes"] = [*volumes, _volume(name)]


def _volume(name: str) -> dict[str, Any]:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 0o644}}
