"""The part of ServiceAccount by which an account names the only Secrets that its pods may use.

An account asks for it with the annotation kubernetes.io/enforce-mountable-secrets. Rules and messages: docs, Service
Accounts, "Enforce mountable secrets"; k8s.io/kubernetes/plugin/pkg/admission/serviceaccount.
"""

from collections.abc import Collection, Iterator

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Object, annotations_of

ANNOTATION = "kubernetes.io/enforce-mountable-secrets"
_MIRROR = "kubernetes.io/config.mirror"  # may use no Secret at all
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # what Go's ParseBool takes for true


def check_pod(services: Services, admission: Admission) -> None:
    """Raises Forbidden for a new pod with another Secret."""
    account = _strict_account(services, admission)
    if account is not None and (fault := next(_faults(admission.new["spec"], account), "")):
        raise forbidden(admission, fault)


def check_debugging(services: Services, admission: Admission) -> None:
    """Raises an error for ephemeral containers with another Secret: upstream's has no reason, and is a 500."""
    account = _strict_account(services, admission)
    if account is not None:
        containers = admission.new["spec"].get("ephemeralContainers") or ()
        if fault := next(_of_containers("ephemeral container", containers, account), ""):
            raise APIError(fault, reason="")


def _strict_account(services: Services, admission: Admission) -> Object | None:
    """The pod's account, if it asks for this."""
    pod = admission.new
    name = pod["spec"].get("serviceAccountName") or ""
    account = services.find(SERVICE_ACCOUNT, admission.call.info.namespace, name)
    if account is None or _MIRROR in annotations_of(pod) or annotations_of(account).get(ANNOTATION) not in _TRUE:
        return None
    return account


def _faults(spec: Object, account: Object) -> Iterator[str]:
    name, allowed = account["metadata"]["name"], _names(account, "secrets")
    unknown = f"is not allowed because service account {name} does not reference that"
    for volume in spec.get("volumes") or ():
        secret = (volume.get("secret") or {}).get("secretName") or ""
        if volume.get("secret") is not None and secret not in allowed:
            yield f'volume with secret.secretName="{secret}" {unknown} secret'
    yield from _of_containers("init container", spec.get("initContainers") or (), account)
    yield from _of_containers("container", spec.get("containers") or (), account)
    pulling = _names(account, "imagePullSecrets")
    for index, ref in enumerate(spec.get("imagePullSecrets") or ()):
        if (ref.get("name") or "") not in pulling:
            yield f'imagePullSecrets[{index}].name="{ref.get("name") or ""}" {unknown} imagePullSecret'


def _of_containers(word: str, containers: Collection[Object], account: Object) -> Iterator[str]:
    allowed = _names(account, "secrets")
    why = f"is not allowed because service account {account['metadata']['name']} does not reference that secret"
    for container in containers:
        for what, secret in _used(container):
            if secret not in allowed:
                yield f'{word} {container["name"]} with {what} referencing secret.secretName="{secret}" {why}'


def _used(container: Object) -> Iterator[tuple[str, str]]:
    """How a container uses Secrets, and their names."""
    for variable in container.get("env") or ():
        if (ref := (variable.get("valueFrom") or {}).get("secretKeyRef")) is not None:
            yield f"envVar {variable.get('name') or ''}", ref.get("name") or ""
    for source in container.get("envFrom") or ():
        if (ref := source.get("secretRef")) is not None:
            yield "envFrom", ref.get("name") or ""


def _names(account: Object, field: str) -> set[str]:
    return {ref.get("name") or "" for ref in account.get(field) or ()}
