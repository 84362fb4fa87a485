"""The disruption controller: how many of the pods of a PodDisruptionBudget may go just now.

    budget.py      counts, and what the status says (pure)
    scale.py       how many pods an owner is meant to have
    controller.py  reads, asks these, and writes

The eviction subresource (apiserver/subresources/disruption.py) decides by the status that is kept here. Rules: docs,
Disruptions, and Specifying a Disruption Budget; upstream's pkg/controller/disruption.
"""

from sampan.controllers.disruption.controller import DisruptionController

CONTROLLER = DisruptionController
