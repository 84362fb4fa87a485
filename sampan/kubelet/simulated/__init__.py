"""Simulated nodes: kubelets without a machine, for tests of scale and for people without root.

    config.py        what the nodes are like and how their pods behave: defaults, or a file
    script.py        how one pod behaves: the defaults, and what its annotations say otherwise
    runtime.py       what "runs" of a pod, from its status, and what becomes of that
    readiness.py     what the probes of a container say
    motion.py        one pod's next step: the kubelet's own plan and status over that runtime
    pods.py          the pods of all nodes: one informer, work for what changes only
    nodes.py         the Node objects: names, addresses, status
    heartbeats.py    registration, Leases and status reports, spread over time by rota.py
    app.py           all of it together
    events.py        what a kubelet tells of a pod

What kubemark is to upstream: the kubelet's decisions (plan.py, status.py, admission.py) are the real ones, CRI is a
script of delays. What a pod is like lies in its status alone, so a server that was killed goes on where it was. Nothing
here loads CRI. Started by cluster/.
"""
