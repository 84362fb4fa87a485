"""Where objects live: the Store protocol, its implementations, and the watch cache in front of them."""
