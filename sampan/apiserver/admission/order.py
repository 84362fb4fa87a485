"""The plugins, in the order in which they run, and which of them run here.

Order and defaults: k8s.io/kubernetes/pkg/kubeapiserver/options (AllOrderedPlugins, DefaultOffAdmissionPlugins).
"""

from sampan.apiserver.admission import (
    always_pull_images,
    default_ingress_class,
    default_toleration_seconds,
    deny_service_external_ips,
    escalation,
    extended_resource_toleration,
    mountable_secrets,
    namespace_lifecycle,
    node_restriction,
    pod_resize,
    priority,
    runtime_class,
    service_account,
    taint_nodes_by_condition,
)
from sampan.apiserver.admission.chain import Plugin
from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.admission.event_rate_limit import plugin as event_rate_limit
from sampan.apiserver.admission.limit_ranger import plugin as limit_ranger
from sampan.apiserver.admission.pod_security import plugin as pod_security

_CREATE, _UPDATE, _WRITE = frozenset({"CREATE"}), frozenset({"UPDATE"}), frozenset({"CREATE", "UPDATE"})
_ALL = frozenset({"CREATE", "UPDATE", "DELETE"})
_PODS, _DEBUGGING = frozenset({("", "pods")}), frozenset({("", "pods/ephemeralcontainers")})
_SERVICES, _INGRESSES = frozenset({("", "services")}), frozenset({("networking.k8s.io", "ingresses")})
_RBAC = frozenset(
    ("rbac.authorization.k8s.io", plural) for plural in ("roles", "clusterroles", "rolebindings", "clusterrolebindings")
)


def every(configuration: AdmissionConfiguration) -> tuple[Plugin, ...]:
    """All plugins. One that has to do with several kinds of objects is there once for each, under one name."""
    events = event_rate_limit.EventRateLimit(configuration.event_limits)
    security = pod_security.PodSecurity(configuration.pod_security)
    return (
        Plugin("NamespaceLifecycle", namespace_lifecycle.admit, _ALL),
        Plugin("LimitRanger", limit_ranger.fill_in, _CREATE, limit_ranger.PODS),
        Plugin("ServiceAccount", service_account.admit, _CREATE, _PODS),
        Plugin("ServiceAccount", mountable_secrets.check_pod, _CREATE, _PODS),
        Plugin("ServiceAccount", mountable_secrets.check_debugging, _UPDATE, _DEBUGGING),
        Plugin("NodeRestriction", node_restriction.admit, _ALL),
        Plugin("TaintNodesByCondition", taint_nodes_by_condition.admit, _CREATE, frozenset({("", "nodes")})),
        Plugin("AlwaysPullImages", always_pull_images.mutate, _WRITE, _PODS, by_flag=True),
        Plugin("PodSecurity", security.validate_pod, _WRITE, pod_security.PODS),
        Plugin("PodSecurity", security.validate_template, _WRITE, pod_security.TEMPLATES),
        Plugin("PodSecurity", security.check_labels, _WRITE, pod_security.NAMESPACES),
        Plugin("Priority", priority.admit_pod, _CREATE, _PODS),
        Plugin("Priority", priority.admit_class, _WRITE, frozenset({("scheduling.k8s.io", "priorityclasses")})),
        Plugin("DefaultTolerationSeconds", default_toleration_seconds.admit, _CREATE, _PODS),
        Plugin("EventRateLimit", events.validate, _WRITE, event_rate_limit.EVENTS, by_flag=True),
        Plugin("ExtendedResourceToleration", extended_resource_toleration.mutate, _WRITE, _PODS, by_flag=True),
        Plugin("RuntimeClass", runtime_class.mutate, _CREATE, _PODS),
        Plugin("RuntimeClass", runtime_class.validate, _CREATE, _PODS),
        Plugin("DefaultIngressClass", default_ingress_class.mutate, _CREATE, _INGRESSES),
        Plugin("DenyServiceExternalIPs", deny_service_external_ips.validate, _WRITE, _SERVICES, by_flag=True),
        Plugin("PodResizeValidator", pod_resize.validate, _UPDATE, frozenset({("", "pods/resize")})),
        Plugin("LimitRanger", limit_ranger.check_pod, _CREATE, limit_ranger.PODS),
        Plugin("LimitRanger", limit_ranger.check_pod, _UPDATE, limit_ranger.RESIZES),
        Plugin("LimitRanger", limit_ranger.check_claim, _WRITE, limit_ranger.CLAIMS),
        Plugin("RoleEscalation", escalation.admit, _WRITE, _RBAC),
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
