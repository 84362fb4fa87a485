"""Makes the ResourceClaims of pods from templates, and takes claims back from pods that don't need them any more.

pods.py says what a pod has to do with claims, making.py what is made of a template, releasing.py what becomes of a
claim. Devices are allocated by the scheduler, and prepared by the kubelet. Rules: KEP-4381; docs, Dynamic Resource
Allocation; upstream's pkg/controller/resourceclaim, without pod groups, which are off by default.
"""

from sampan.controllers.resource_claim.controller import ResourceClaimController

CONTROLLER = ResourceClaimController
