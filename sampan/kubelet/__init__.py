"""The node agent: makes the pods that are bound to this node run, through CRI, and reports what became of them."""

import os

# gRPC would stop its threads around every fork, to be usable in children. Ours only exec, and never use it.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
