"""The plugins, in the order in which they run, and which of them run here.

Order and defaults: k8s.io/kubernetes/pkg/kubeapiserver/options (AllOrderedPlugins, DefaultOffAdmissionPlugins).
Adding one is a file beside this one and a line here, at its place among upstream's.
"""

from sampan.apiserver.admission import (
    always_pull_images,
    certificates,
    default_ingress_class,
    default_storage_class,
    default_toleration_seconds,
    deny_service_external_ips,
    device_claims,
    escalation,
    extended_resource_toleration,
    mountable_secrets,
    namespace_lifecycle,
    owner_references_permission,
    persistent_volume_claim_resize,
    pod_resize,
    pod_topology_labels,
    priority,
    runtime_class,
    service_account,
    storage_object_in_use_protection,
    taint_nodes_by_condition,
)
from sampan.apiserver.admission.attributes import CONNECT, CREATE, DELETE, UPDATE
from sampan.apiserver.admission.chain import Plugin
from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.admission.event_rate_limit import plugin as event_rate_limit
from sampan.apiserver.admission.limit_ranger import plugin as limit_ranger
from sampan.apiserver.admission.node_restriction import plugin as node_restriction
from sampan.apiserver.admission.pod_security import plugin as pod_security
from sampan.apiserver.admission.policy.mutating import MutatingPolicies
from sampan.apiserver.admission.policy.validating import ValidatingPolicies
from sampan.apiserver.admission.resource_quota import plugin as resource_quota
from sampan.apiserver.admission.webhook.mutating import MutatingWebhooks
from sampan.apiserver.admission.webhook.validating import ValidatingWebhooks

_CREATE, _UPDATE, _WRITE = frozenset({CREATE}), frozenset({UPDATE}), frozenset({CREATE, UPDATE})
_ALL = frozenset({CREATE, UPDATE, DELETE})
_ANY = _ALL | {CONNECT}
_PODS, _NODES = frozenset({("", "pods")}), frozenset({("", "nodes")})
_DEBUGGING, _RESIZES = frozenset({("", "pods/ephemeralcontainers")}), frozenset({("", "pods/resize")})
_CLAIMS = limit_ranger.CLAIMS
_PROTECTED = frozenset({*_CLAIMS, ("", "persistentvolumes"), ("storage.k8s.io", "volumeattributesclasses")})
_BINDINGS = frozenset({("", "pods/binding")})
_SERVICES, _INGRESSES = frozenset({("", "services")}), frozenset({("networking.k8s.io", "ingresses")})
_RBAC = frozenset(
    ("rbac.authorization.k8s.io", plural) for plural in ("roles", "clusterroles", "rolebindings", "clusterrolebindings")
)
_DEVICE_CLAIMS = frozenset({("resource.k8s.io", "resourceclaims"), ("resource.k8s.io", "resourceclaimtemplates")})
_CLAIM_STATUSES = frozenset({("resource.k8s.io", "resourceclaims/status")})
_CLASSES = frozenset({("scheduling.k8s.io", "priorityclasses")})


def every(configuration: AdmissionConfiguration) -> tuple[Plugin, ...]:
    """All plugins. One that has to do with several kinds of objects is there once for each, under one name."""
    events = event_rate_limit.EventRateLimit(configuration.event_limits)
    security = pod_security.PodSecurity(configuration.pod_security)
    quota = resource_quota.ResourceQuota(configuration.limited_resources)
    return (
        Plugin("NamespaceLifecycle", _ALL, mutate=namespace_lifecycle.mutate),
        Plugin("LimitRanger", _CREATE, limit_ranger.PODS, mutate=limit_ranger.fill_in, validate=limit_ranger.check_pod),
        Plugin("LimitRanger", _UPDATE, limit_ranger.RESIZES, validate=limit_ranger.check_pod),
        Plugin("LimitRanger", _WRITE, limit_ranger.CLAIMS, validate=limit_ranger.check_claim),
        Plugin("ServiceAccount", _CREATE, _PODS, mutate=service_account.mutate),
        Plugin("ServiceAccount", _CREATE, _PODS, validate=mountable_secrets.check_pod),
        Plugin("ServiceAccount", _UPDATE, _DEBUGGING, validate=mountable_secrets.check_debugging),
        Plugin("NodeRestriction", _ALL, mutate=node_restriction.mutate),
        Plugin("TaintNodesByCondition", _CREATE, _NODES, mutate=taint_nodes_by_condition.mutate),
        Plugin(
            "AlwaysPullImages",
            _WRITE,
            _PODS,
            mutate=always_pull_images.mutate,
            validate=always_pull_images.validate,
            by_flag=True,
        ),
        Plugin("PodSecurity", _WRITE, pod_security.PODS, validate=security.validate_pod),
        Plugin("PodSecurity", _WRITE, pod_security.TEMPLATES, validate=security.validate_template),
        Plugin("PodSecurity", _WRITE, pod_security.NAMESPACES, validate=security.check_labels),
        Plugin("PodSecurity", _WRITE, pod_security.NAMESPACES, validate=security.warn_of_existing),
        Plugin("Priority", _WRITE, _PODS, mutate=priority.mutate_pod),
        Plugin("Priority", _WRITE, _CLASSES, validate=priority.validate_class),
        Plugin("DefaultTolerationSeconds", _WRITE, _PODS, mutate=default_toleration_seconds.mutate),
        Plugin("EventRateLimit", _WRITE, event_rate_limit.EVENTS, validate=events.validate, by_flag=True),
        Plugin("ExtendedResourceToleration", _WRITE, _PODS, mutate=extended_resource_toleration.mutate, by_flag=True),
        Plugin("DefaultStorageClass", _CREATE, _CLAIMS, mutate=default_storage_class.mutate),
        Plugin("StorageObjectInUseProtection", _CREATE, _PROTECTED, mutate=storage_object_in_use_protection.mutate),
        Plugin(
            "OwnerReferencesPermissionEnforcement", _WRITE, validate=owner_references_permission.validate, by_flag=True
        ),
        Plugin("PersistentVolumeClaimResize", _UPDATE, _CLAIMS, validate=persistent_volume_claim_resize.validate),
        Plugin("RuntimeClass", _CREATE, _PODS, mutate=runtime_class.mutate, validate=runtime_class.validate),
        Plugin("CertificateApproval", _UPDATE, certificates.APPROVALS, validate=certificates.check_approval),
        Plugin("CertificateSigning", _UPDATE, certificates.STATUSES, validate=certificates.check_signing),
        Plugin("ClusterTrustBundleAttest", _WRITE, certificates.BUNDLES, validate=certificates.check_attest),
        Plugin("CertificateSubjectRestriction", _CREATE, certificates.REQUESTS, validate=certificates.check_subject),
        Plugin("DefaultIngressClass", _CREATE, _INGRESSES, mutate=default_ingress_class.mutate),
        Plugin("DenyServiceExternalIPs", _WRITE, _SERVICES, validate=deny_service_external_ips.validate, by_flag=True),
        Plugin("PodTopologyLabels", _WRITE, _PODS, mutate=pod_topology_labels.mutate_pod),
        Plugin("PodTopologyLabels", _CREATE, _BINDINGS, mutate=pod_topology_labels.mutate_binding),
        Plugin("PodResizeValidator", _UPDATE, _RESIZES, validate=pod_resize.validate),
        Plugin("RoleEscalation", _WRITE, _RBAC, validate=escalation.validate),
        Plugin("ResourceClaims", _CREATE, _DEVICE_CLAIMS, validate=device_claims.check_claim),
        Plugin("ResourceClaims", _UPDATE, _CLAIM_STATUSES, validate=device_claims.check_status),
        Plugin("MutatingAdmissionPolicy", _ANY, mutate=MutatingPolicies().mutate),
        Plugin("MutatingAdmissionWebhook", _ANY, mutate=MutatingWebhooks().mutate),
        Plugin("ValidatingAdmissionPolicy", _ANY, validate=ValidatingPolicies().validate),
        Plugin("ValidatingAdmissionWebhook", _ANY, validate=ValidatingWebhooks().validate),
        Plugin("ResourceQuota", _WRITE, validate=quota.validate),
    )


def chosen(configuration: AdmissionConfiguration) -> tuple[Plugin, ...]:
    """The plugins that run. Raises ValueError for names that mean nothing, or both on and off."""
    plugins = every(configuration)
    names = {plugin.name for plugin in plugins}
    for flag, named in (("enable", configuration.enable), ("disable", configuration.disable)):
        for name in sorted(named - names):
            raise ValueError(f'{flag}-admission-plugins plugin "{name}" is unknown')
    if both := configuration.enable & configuration.disable:
        raise ValueError(f"{sorted(both)} in enable-admission-plugins and disable-admission-plugins overlapped")
    return tuple(plugin for plugin in plugins if _runs(plugin, configuration))


def _runs(plugin: Plugin, configuration: AdmissionConfiguration) -> bool:
    if plugin.by_flag:
        return plugin.name in configuration.enable
    return plugin.name not in configuration.disable
