"""The query string as a mapping. Repeated parameters keep their first value, as Go's url.Values.Get reads them."""

from types import MappingProxyType
from urllib.parse import parse_qsl

from sampan.machinery.remember import remembered

_EMPTY: MappingProxyType[str, str] = MappingProxyType({})


@remembered(1024)
def parse_query(raw: str) -> MappingProxyType[str, str]:
    """Parameter -> first value; read-only, because it is remembered."""
    if not raw:
        return _EMPTY
    found: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        found.setdefault(name, value)
    if found.get("watch") == "":
        found["watch"] = "true"  # a bare ?watch
    return MappingProxyType(found)
