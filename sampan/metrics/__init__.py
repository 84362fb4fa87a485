"""What nodes and pods use at the moment, from what kubelets say they have used: the source of metrics.k8s.io.

    app.py       asks the kubelets, through the API server, and keeps the last two answers of each
    scraped.py   an answer, as points (pure)
    usage.py     two points, as a use (pure)

A component beside the API server, which answers `kubectl top` and autoscalers with what it finds here. What a whole
cluster takes an add-on for elsewhere: kubernetes-sigs/metrics-server, whose rules these are.
"""
