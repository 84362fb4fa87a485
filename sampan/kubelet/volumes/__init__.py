"""A pod's volumes on the node: made before its containers, kept current while it runs, removed after it."""
