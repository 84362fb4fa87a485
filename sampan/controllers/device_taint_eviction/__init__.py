"""Evicts pods whose claims have devices with NoExecute taints that they do not tolerate, or have for long enough.

Taints are set by drivers in ResourceSlices and by administrators in DeviceTaintRules, which are told in their status
how far eviction is. Rules: KEP-5055; docs, Dynamic Resource Allocation, "Device taints and tolerations"; upstream's
pkg/controller/devicetainteviction, without pod groups, which are off by default.
"""

from sampan.controllers.device_taint_eviction.controller import DeviceTaintEviction

CONTROLLER = DeviceTaintEviction
