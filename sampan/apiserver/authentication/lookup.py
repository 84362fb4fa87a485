"""How authenticators look objects up. Implemented by server.py, over the cache: what is not there does not exist."""

from collections.abc import Callable

from sampan.machinery.meta import Object

# (plural, namespace, name) -> the object of the core group, or None
Lookup = Callable[[str, str, str], Object | None]
