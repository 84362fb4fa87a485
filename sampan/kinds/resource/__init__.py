"""resource.k8s.io: devices, who offers them, and who claims them (dynamic resource allocation).

Fields of features that are off by default in this release are dropped, as upstream drops them.
"""
