"""The HorizontalPodAutoscaler controller: as many pods as what is measured of them asks for.

    controller.py      reads, asks all of the others, and writes
    target.py          the scale of what is scaled: any kind that has one
    measuring.py       all of its metrics; overlap.py: not where others select the same pods (pure)
    sources.py         one metric: asks, calculates, says how it stands (use_sources.py, value_sources.py, scaled.py)
    metrics.py         asks the metrics APIs; metric_values.py: what they answer (pure)
    beside.py          what takes long, because there are many pods, goes on beside the loop
    combine.py         of several metrics, the one that asks for most (pure)
    replicas.py        how many pods a measured use asks for (pure); pods.py: whose figures count (pure)
    behavior.py        how fast it may go (pure)
    stabilization.py   and how soon after what was recommended before (pure), remembered in history.py
    plan.py            what happens without metrics, and what is made of what they ask for (pure)
    report.py          the status

Rules: docs, Horizontal Pod Autoscaling; KEP-853 (behavior), KEP-1610 (container resources), KEP-2021 (down to zero),
KEP-4951 (tolerances); upstream's pkg/controller/podautoscaler.
"""

from sampan.controllers.horizontal_pod_autoscaler.controller import HorizontalPodAutoscalerController

CONTROLLER = HorizontalPodAutoscalerController
