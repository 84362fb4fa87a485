"""NodeRestriction of certificates: a kubelet asks for its own, and for those of the pods that run on it.

What a request does not say truly of node, pod and ServiceAccount is refused: signers take it on trust. Rules and texts:
k8s.io/kubernetes/plugin/pkg/admission/noderestriction (admitCSR, admitPodCertificateRequest).
"""

import base64

from sampan.apiserver.admission.attributes import CREATE, Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.services import Services
from sampan.kinds.certificates import pkcs10
from sampan.kinds.certificates.signer_names import KUBELET_CLIENT, KUBELET_SERVING
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.pod_references import MIRROR_POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.errors import InternalError, NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object

_GROUP = "certificates.k8s.io"


def check_request(services: Services, admission: Admission, node: str) -> None:
    """Raises Forbidden for a kubelet's certificate in another node's name; the signer looks at all the rest."""
    if admission.operation != CREATE:
        return
    spec = admission.new["spec"]
    if spec.get("signerName") not in (KUBELET_SERVING, KUBELET_CLIENT):
        return
    try:
        request = pkcs10.parse_pem(base64.b64decode(spec.get("request") or ""))
    except ValueError as error:
        raise forbidden(admission, f"unable to parse csr: {error}") from None
    if request.common_name != f"system:node:{node}":
        raise forbidden(admission, f"can only create a node CSR with CN=system:node:{node}")


async def check_pod_request(services: Services, admission: Admission, node: str) -> None:
    """Raises Forbidden where a request is none of the node's business, InternalError where it is out of date."""
    if admission.operation != CREATE:
        raise forbidden(admission, f"unexpected operation {admission.operation}")
    if admission.subresource:
        raise forbidden(admission, f"unexpected subresource {admission.subresource}")
    spec = admission.new["spec"]
    if (named := spec.get("nodeName") or "") != node:
        why = f'PodCertificateRequest.Spec.NodeName="{named}", which is not the requesting node "{node}"'
        raise forbidden(admission, why)
    pod_name = f"{admission.namespace}/{spec.get('podName') or ''}"
    said = f'PodCertificateRequest for pod "{pod_name}"'
    if (uid := _uid(_find(services, NODE, "", node, f'node "{node}"'))) != spec.get("nodeUID"):
        raise _stale(f'{said} names node UID "{spec.get("nodeUID")}", inconsistent with the running node ("{uid}")')
    pod = _find(services, POD, admission.namespace, spec.get("podName") or "", f'pod "{pod_name}"')
    if (uid := _uid(pod)) != spec.get("podUID"):
        raise _stale(f'{said} contains pod UID ("{spec.get("podUID")}") which differs from running pod "{uid}"')
    _check_pod(admission, pod, node, pod_name)
    _check_account(services, admission, pod, said)
    await _check_signer(services, admission, pod, pod_name)


def _check_pod(admission: Admission, pod: Object, node: str, name: str) -> None:
    if pod["spec"].get("nodeName") != node:
        why = f'pod "{name}" is not running on node "{node}" named in the PodCertificateRequest'
        raise forbidden(admission, why)
    if MIRROR_POD in (pod["metadata"].get("annotations") or {}):
        raise forbidden(admission, f'pod "{name}" is a mirror pod')


def _check_account(services: Services, admission: Admission, pod: Object, said: str) -> None:
    spec = admission.new["spec"]
    name, its = spec.get("serviceAccountName") or "", pod["spec"].get("serviceAccountName") or ""
    if name != its:
        why = f'{said} contains serviceAccountName ("{name}") that differs from running pod ("{its}")'
        raise forbidden(admission, why)
    what = f'service account "{admission.namespace}/{name}"'
    uid, given = _uid(_find(services, SERVICE_ACCOUNT, admission.namespace, name, what)), spec.get("serviceAccountUID")
    if uid != given:
        why = f'names service account UID "{given}", which differs from the running service account ("{uid}")'
        raise _stale(f"{said} {why}")


async def _check_signer(services: Services, admission: Admission, pod: Object, name: str) -> None:
    """A node needs a reason: a volume of the pod's, or permission to ask this signer for this ServiceAccount."""
    spec = admission.new["spec"]
    signer = spec.get("signerName") or ""
    volumes = (volume.get("projected") or {} for volume in pod["spec"].get("volumes") or ())
    sources = (source.get("podCertificate") or {} for volume in volumes for source in volume.get("sources") or ())
    if any(source.get("signerName") == signer for source in sources):
        return
    question = Attributes(
        admission.user,
        "request-serviceaccounts-podcertificate-signer",
        namespace=admission.namespace,
        group=_GROUP,
        version=admission.served.version.version,
        resource=signer.replace("/", ":"),
        name=spec.get("serviceAccountName") or "",
    )
    decision = await services.authorizers.ask(question)
    if not decision.allowed:
        why = f'pod "{name}" does not mount a podCertificate projected volume for signer "{signer}"'
        raise forbidden(admission, why)


def _find(services: Services, kind: Kind, namespace: str, name: str, what: str) -> Object:
    found = services.find(kind, namespace, name)
    if found is None:
        missing = NotFound.of(kind.plural, kind.group, name)
        raise _stale(f"while retrieving {what} named in the PodCertificateRequest: {missing}")
    return found


def _uid(obj: Object) -> str:
    return str(obj["metadata"]["uid"])


def _stale(text: str) -> InternalError:
    """No refusal: what is said of the cluster may have been true a moment ago, and the node may try again."""
    return InternalError(text, reason="")
