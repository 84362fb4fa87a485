"""Volumes for claims, as directories of the node: the default StorageClass of a cluster with a node.

An external provisioner as any other, but in the server's process: it follows claims that name it and have been given to
its node, makes a directory and a PersistentVolume of type local for each, and removes both when the claim has gone.
What it decides is plan.py, what it does provisioner.py; what it needs in the API objects.py. Started by cluster/.
"""
