"""NodeRestriction on tokens: a node acts for the pods that run on it, with tokens that die with them.

For which audiences: those that the pod's projected volumes and CSI drivers ask for, and what the node may by the verb
request-serviceaccounts-token-audience (KEP-4412).
"""

from collections.abc import Iterator

from sampan.apiserver.admission.attributes import CREATE, Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.services import Services
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.pod_references import claim_of
from sampan.kinds.storage.csi_driver import KIND as CSI_DRIVER
from sampan.machinery.aggregate import aggregated
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Object

_MIGRATED = {  # sorts of volumes that a CSI driver has taken over
    "awsElasticBlockStore": "ebs.csi.aws.com",
    "azureDisk": "disk.csi.azure.com",
    "azureFile": "file.csi.azure.com",
    "cinder": "cinder.csi.openstack.org",
    "gcePersistentDisk": "pd.csi.storage.gke.io",
    "portworxVolume": "pxd.portworx.com",
    "vsphereVolume": "csi.vsphere.vmware.com",
}


async def check(services: Services, admission: Admission, node: str) -> None:
    """Raises Forbidden, NotFound."""
    if admission.operation != CREATE or admission.subresource != "token":
        return
    pod = _bound_pod(services, admission)
    if pod["spec"].get("nodeName") != node:
        raise forbidden(admission, "node requested token bound to a pod scheduled on a different node")
    if why := await _audience_refusal(services, admission, pod):
        raise forbidden(admission, why)


def _bound_pod(services: Services, admission: Admission) -> Object:
    ref = admission.new["spec"].get("boundObjectRef") or {}
    if ref.get("apiVersion") != "v1" or ref.get("kind") != "Pod" or not ref.get("name"):
        raise forbidden(admission, "node requested token not bound to a pod")
    if not ref.get("uid"):
        raise forbidden(admission, "node requested token with a pod binding without a uid")
    pod = services.find(POD, admission.namespace, ref["name"])
    if pod is None:
        raise NotFound.of("pod", "", ref["name"])
    if pod["metadata"]["uid"] != ref["uid"]:
        why = f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. "
        raise forbidden(admission, why + "The object might have been deleted and then recreated")
    return pod


async def _audience_refusal(services: Services, admission: Admission, pod: Object) -> str:
    audiences = admission.new["spec"].get("audiences") or [""]
    if len(audiences) > 1:
        return "node may only request 0 or 1 audiences"
    audience, errors = audiences[0], list[str]()
    if any(_asks_for(services, pod, volume, audience, errors) for volume in pod["spec"].get("volumes") or ()):
        return ""
    if errors:
        return f'error validating audience "{audience}": {aggregated(errors)}'
    decision = await services.authorizers.ask(_question(admission, audience))
    if decision.allowed:
        return ""
    user = admission.user.name
    if decision.error:
        return f'error authorizing {user} to request tokens for audience "{audience}": {decision.error}'
    return f'{user} is not authorized to request tokens for audience "{audience}"'


def _question(admission: Admission, audience: str) -> Attributes:
    verb, version = "request-serviceaccounts-token-audience", admission.served.version.version
    return Attributes(
        admission.user, verb, True, admission.namespace, version=version, resource=audience, name=admission.name
    )


def _asks_for(services: Services, pod: Object, volume: Object, audience: str, errors: list[str]) -> bool:
    """Whether the volume needs a token for the audience; what could not be found out goes to `errors`."""
    if audience in _projected(volume):
        return True
    try:
        driver = _driver(services, pod, volume)
        return bool(driver) and audience in _of_driver(services, driver)
    except NotFound as error:
        errors.append(error.message)
        return False


def _projected(volume: Object) -> Iterator[str]:
    for source in (volume.get("projected") or {}).get("sources") or ():
        if (token := source.get("serviceAccountToken")) is not None:
            yield token.get("audience") or ""


def _driver(services: Services, pod: Object, volume: Object) -> str:
    """The CSI driver of a volume, or of the one behind its claim; "" where there is none. Raises NotFound."""
    if csi := volume.get("csi"):
        return str(csi.get("driver") or "")
    if not (claim_name := claim_of(pod, volume)):
        return _migrated(volume)
    namespace = pod["metadata"]["namespace"]
    claim = services.find(CLAIM, namespace, claim_name)
    if claim is None:
        raise NotFound.of("persistentvolumeclaim", "", claim_name)
    bound = claim["spec"].get("volumeName") or ""
    found = services.find(VOLUME, "", bound)
    if found is None:
        raise NotFound.of("persistentvolume", "", bound)
    return str((found["spec"].get("csi") or {}).get("driver") or _migrated(found["spec"]))


def _migrated(source: Object) -> str:
    return next((driver for field, driver in _MIGRATED.items() if source.get(field)), "")


def _of_driver(services: Services, driver: str) -> list[str]:
    found = services.find(CSI_DRIVER, "", driver)
    if found is None:
        raise NotFound.of("csidriver", "storage.k8s.io", driver)
    return [request.get("audience") or "" for request in found["spec"].get("tokenRequests") or ()]
