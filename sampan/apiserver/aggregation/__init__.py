"""API versions that other servers serve, behind this one (APIService): who they are, whether they answer, the proxy to
them, and what they have to tell.

    backends.py, follow.py        which versions are served elsewhere, as the store says at this moment
    proxy.py                      one request, passed on: identity.py, connections.py, answers.py
    availability.py, checks.py    the condition Available
    registration.py, wanted.py    the APIServices of what this server serves itself
    discovery.py, told.py         what the others serve, for discovery and (openapi.py) OpenAPI

Rules: k8s.io/kube-aggregator. An APIService decides: with a Service its version is served there, be it built in or a
custom one; only the core group and apiregistration.k8s.io stay here whatever anybody writes.
"""
