"""The garbage collector. Deletes what has lost its owners.

    graph.py       who owns whom
    controller.py  decides, and deletes

Rules: docs, Garbage Collection, and Owners and Dependents; upstream's pkg/controller/garbagecollector.
"""

from sampan.controllers.garbage_collector.controller import GarbageCollector

CONTROLLER = GarbageCollector
