"""The plugin: pods are refused, their templates warned of, namespaces held to labels that mean something.

Called by the admission chain, after the object is final. Rules and messages: k8s.io/pod-security-admission/admission.
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.pod_security import existing
from sampan.apiserver.admission.pod_security.checks import described, findings
from sampan.apiserver.admission.pod_security.configuration import PodSecurityConfiguration
from sampan.apiserver.admission.pod_security.policy import (
    PREFIX,
    PRIVILEGED,
    LevelVersion,
    Policy,
    ReadPolicy,
    is_stricter,
    read,
)
from sampan.apiserver.admission.pod_security.wording import containers
from sampan.apiserver.admission.refusals import forbidden, name_of
from sampan.apiserver.services import Services
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.aggregate import aggregated
from sampan.machinery.errors import Invalid
from sampan.machinery.meta import Object, labels_of
from sampan.machinery.tree import get_path

NAMESPACES = frozenset({("", "namespaces")})
PODS = frozenset(("", place) for place in ("pods", "pods/ephemeralcontainers", "pods/resize"))
_TEMPLATE = ("spec", "template")
_TEMPLATES = {
    ("", "podtemplates"): ("template",),
    ("", "replicationcontrollers"): _TEMPLATE,
    ("apps", "replicasets"): _TEMPLATE,
    ("apps", "deployments"): _TEMPLATE,
    ("apps", "statefulsets"): _TEMPLATE,
    ("apps", "daemonsets"): _TEMPLATE,
    ("batch", "jobs"): _TEMPLATE,
    ("batch", "cronjobs"): ("spec", "jobTemplate", "spec", "template"),
}
TEMPLATES = frozenset(_TEMPLATES)


class PodSecurity:
    """See the package."""

    def __init__(self, configuration: PodSecurityConfiguration) -> None:
        self._configuration = configuration

    def validate_pod(self, services: Services, admission: Admission) -> None:
        """Raises Forbidden for a pod that the enforced policy forbids; else notes and warns."""
        pod = admission.new
        if self._is_exempt(admission, pod["spec"]) or not _matters(pod, admission.old):
            return
        policy = self._policy(services, admission)
        admission.call.audit[f"{PREFIX}enforce-policy"] = str(policy.enforce)
        if found := findings(policy.enforce, pod["metadata"], pod["spec"]):
            _note(admission, policy, pod)
            raise forbidden(admission, f'violates PodSecurity "{policy.enforce}": {described(found)}')
        _note(admission, policy, pod)
        _warn(admission, policy, pod)

    def validate_template(self, services: Services, admission: Admission) -> None:
        """A template is only noted and warned of: its pods are refused when they come."""
        kind = admission.kind
        template: Object | None = get_path(admission.new, _TEMPLATES[kind.group, kind.plural])
        if template is None or self._is_exempt(admission, template.get("spec") or {}):
            return
        policy = self._policy(services, admission)
        pod = {"metadata": template.get("metadata") or {}, "spec": template.get("spec") or {}}
        _note(admission, policy, pod)
        _warn(admission, policy, pod)

    def check_labels(self, services: Services, admission: Admission) -> None:
        """Raises Invalid for labels that mean nothing, where they are new."""
        errors = self._read(admission.new).errors
        if errors and (admission.old is None or self._read(admission.old).errors != errors):
            raise Invalid.of("Namespace", "", name_of(admission), errors)

    async def warn_of_existing(self, services: Services, admission: Admission) -> None:
        """Warn of pods that would be refused by the policy which a namespace gets now."""
        new, old = admission.new, admission.old
        policy, name = self._read(new).policy, name_of(admission)
        if old is not None and not _is_new_rule(policy.enforce, self._read(old).policy.enforce):
            return
        if name in self._configuration.namespaces:
            admission.call.warnings.extend(_of_exempt_namespace(name, policy, self._configuration.defaults, new))
        elif old is not None:
            pods = [pod for pod in services.all(POD, name) if not self._configuration.exempts(pod["spec"])]
            admission.call.warnings.extend(await existing.warnings(name, pods, policy.enforce))

    def _read(self, namespace: Object) -> ReadPolicy:
        return read(labels_of(namespace), self._configuration.defaults)

    def _policy(self, services: Services, admission: Admission) -> Policy:
        namespace = services.find(NAMESPACE, "", admission.call.info.namespace)
        policy, errors = read(labels_of(namespace) if namespace else {}, self._configuration.defaults)
        if errors:
            admission.call.audit[f"{PREFIX}error"] = f"Failed to parse policy: {aggregated(errors)}"
        return policy

    def _is_exempt(self, admission: Admission, spec: Object) -> bool:
        configuration, reason = self._configuration, ""
        if admission.call.info.namespace in configuration.namespaces:
            reason = "namespace"
        elif admission.call.user.name in configuration.usernames:
            reason = "user"
        elif configuration.exempts(spec):
            reason = "runtimeClass"
        if reason:
            admission.call.audit[f"{PREFIX}exempt"] = reason
        return bool(reason)


def _matters(pod: Object, old: Object | None) -> bool:
    """Whether an update concerns the policy: new containers, and images, are what it can bring."""
    if old is None:
        return True
    spec, before = pod["spec"], old["spec"]
    if any(len(spec.get(f) or ()) != len(before.get(f) or ()) for f in ("containers", "initContainers")):
        return True
    images = {container["name"]: container.get("image") for container in containers(before)}
    return any(images.get(c["name"], ()) != c.get("image") for c in containers(spec))


def _note(admission: Admission, policy: Policy, pod: Object) -> None:
    """For the audit log."""
    if found := findings(policy.audit, pod["metadata"], pod["spec"]):
        text = f'would violate PodSecurity "{policy.audit}": {described(found)}'
        admission.call.audit[f"{PREFIX}audit-violations"] = text


def _warn(admission: Admission, policy: Policy, pod: Object) -> None:
    if found := findings(policy.warn, pod["metadata"], pod["spec"]):
        admission.call.warnings.append(f'would violate PodSecurity "{policy.warn}": {described(found)}')


def _is_new_rule(new: LevelVersion, old: LevelVersion) -> bool:
    """Whether pods that were allowed may be forbidden now."""
    if new == old or new.level == PRIVILEGED:
        return False
    return new.minor != old.minor or is_stricter(new.level, old.level)


def _of_exempt_namespace(name: str, policy: Policy, defaults: Policy, namespace: Object) -> list[str]:
    """A warning that labels do nothing here, if they ask for anything."""
    modes = {"enforce": policy.enforce, "audit": policy.audit, "warn": policy.warn}
    usual = zip(policy, defaults, strict=True)
    if all(mine == other or mine.level == other.level == PRIVILEGED for mine, other in usual) or all(
        mode.level == PRIVILEGED for mode in policy
    ):
        return []
    labels = labels_of(namespace)
    said = [
        f"{word}={mode}"
        for word, mode in modes.items()
        if mode.level != PRIVILEGED and (f"{PREFIX}{word}" in labels or f"{PREFIX}{word}-version" in labels)
    ]
    return [f'namespace "{name}" is exempt from Pod Security, and the policy ({", ".join(said)}) will be ignored']
