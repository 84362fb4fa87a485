"""The node agent: makes the pods that are bound to this node run, through CRI, and reports what became of them."""
