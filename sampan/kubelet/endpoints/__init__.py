"""The kubelet's own API, under upstream's paths; server.py has the table of them.

access.py, attributes.py     who comes in: certificates, tokens, and what the API server says of them
streams.py                   exec, attach, portForward, run
container_logs.py            containerLogs; node_logs.py has the files below /logs
health.py, pods.py           healthz, configz; pods, runningpods
summary.py, usage.py         stats/summary; metrics.py and its neighbours have what is scraped
"""
